"""The pool during failures of Postgres: it answers in time, loses no connection, and recovers."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from calscim.errors import StoreUnavailable
from calscim.postgres import outages
from calscim.postgres.pool import Database
from tests import conftest
from tests.support.proxy import Proxy
from tests.support.waiting import until

SIZE = 3
_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"
TERMINATION = b"E" + (len(_FIELDS) + 4).to_bytes(4, "big") + _FIELDS  # ErrorResponse, protocol 3.0
IN_TIME = 2.0  # seconds in which SCIM must answer the identity provider


@pytest.fixture
async def store(proxied: str) -> AsyncIterator[Database]:
    """A pool with the options that the daemon uses for SCIM."""
    async with await Database.open(proxied, size=SIZE, within=0.8) as opened:
        yield opened


@pytest.fixture
async def direct(database: conftest.Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the owner, not through the proxy."""
    connection = await asyncpg.connect(database.owner_dsn)
    yield connection
    await connection.close()


async def unavailable(store: Database, query: str = "SELECT 1") -> str:
    """Assert that every connection of the pool fails in time, and return the error message."""
    async with asyncio.timeout(IN_TIME):
        told = await asyncio.gather(
            *(store.fetchval(query) for _ in range(2 * SIZE)), return_exceptions=True
        )
    assert all(isinstance(one, StoreUnavailable) for one in told), told
    return str(told[0])


async def no_statement_waits(direct: asyncpg.Connection) -> bool:
    """Return True if no statement in this database waits for a lock."""
    return not await direct.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )


async def fill(store: Database) -> None:
    """Open every connection of the pool."""
    all_open = asyncio.Barrier(SIZE)

    async def one() -> None:
        async with store.connection() as connection:
            await connection.fetchval("SELECT 1")
            await all_open.wait()

    await asyncio.gather(*(one() for _ in range(SIZE)))


async def served(direct: asyncpg.Connection) -> int:
    """Return the number of connections of the serving role on the server."""
    return await direct.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'calscim'"
    )


async def works(store: Database) -> None:
    answers = await asyncio.gather(*(store.fetchval("SELECT 1") for _ in range(3 * SIZE)))
    assert answers == [1] * 3 * SIZE


async def test_a_refusing_server_is_reported_in_time_and_used_again_later(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)

    await proxy.refuse()

    assert "database.dsn" in await unavailable(store)
    await proxy.heal()
    await works(store)


async def test_a_server_that_is_unreachable_at_the_start_is_used_later(
    proxied: str, proxy: Proxy
) -> None:
    await proxy.refuse()

    async with await Database.open(proxied, size=SIZE, within=0.8) as store:
        await unavailable(store)
        await proxy.heal()
        await works(store)


async def test_half_open_connections_in_the_pool_are_abandoned_in_time(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)

    proxy.swallow()

    await unavailable(store)
    await proxy.heal()
    await works(store)


async def test_a_half_open_server_at_the_start_is_abandoned_in_time(
    store: Database, proxy: Proxy
) -> None:
    proxy.swallow()

    await unavailable(store)
    await proxy.heal()
    await works(store)


async def test_reset_connections_are_replaced_without_an_error(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)

    proxy.drop()
    await until(lambda: not proxy.connections)

    await works(store)


async def test_the_termination_message_of_a_killed_server_is_reported_as_unavailable(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)

    proxy.swallow_present()
    asked = [asyncio.create_task(store.fetchval("SELECT 1")) for _ in range(SIZE)]
    await until(lambda: proxy.unanswered == SIZE)

    proxy.say(TERMINATION)

    told = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, StoreUnavailable) for one in told), told
    await works(store)


async def test_a_slow_server_is_abandoned_in_time(store: Database, proxy: Proxy) -> None:
    await fill(store)

    proxy.delay = 5.0

    await unavailable(store)
    await proxy.heal()
    await works(store)


async def test_a_connection_that_is_cut_while_it_opens_is_reported_as_unavailable(
    store: Database, proxy: Proxy
) -> None:
    for count in (0, 1, 9, 60, 120):
        proxy.cut_at(count)
        await unavailable(store)

    await proxy.heal()
    await works(store)


async def test_a_stuck_statement_also_ends_on_the_server_when_the_client_gives_up(
    store: Database, direct: asyncpg.Connection
) -> None:
    if direct.get_server_version() < (14, 0):
        pytest.skip(
            "Postgres 13 does not notice that a client has disconnected; only statement_timeout ends the statement"
        )
    await direct.execute("CREATE TABLE public.n (x int); GRANT ALL ON public.n TO PUBLIC")

    async with direct.transaction():
        await direct.execute("LOCK TABLE public.n")

        await unavailable(store, "SELECT count(*) FROM public.n")

        await until(lambda: no_statement_waits(direct))

    await works(store)


async def test_a_stuck_statement_ends_on_the_server_at_the_statement_timeout(
    proxied: str, direct: asyncpg.Connection
) -> None:
    await direct.execute("CREATE TABLE public.n (x int); GRANT ALL ON public.n TO PUBLIC")

    async with (
        await Database.open(proxied, size=SIZE, within=0.8, longest=1.5) as store,
        direct.transaction(),
    ):
        await direct.execute("LOCK TABLE public.n")

        await unavailable(store, "SELECT count(*) FROM public.n")

        await until(lambda: no_statement_waits(direct))


async def test_a_transaction_whose_client_is_gone_releases_its_locks(
    proxied: str, proxy: Proxy, direct: asyncpg.Connection
) -> None:
    await direct.execute("CREATE TABLE public.n (x int); GRANT ALL ON public.n TO PUBLIC")
    async with await Database.open(proxied, size=1, within=0.8) as store:
        with pytest.raises(StoreUnavailable):
            async with store.connection() as connection, connection.transaction():
                await connection.execute("LOCK TABLE public.n")
                proxy.swallow_present()
                await connection.execute("SELECT 1")

        settings = await store.fetchrow(
            "SELECT current_setting('idle_in_transaction_session_timeout') AS idle, "
            "current_setting('client_connection_check_interval', true) AS gone"
        )

    assert settings is not None
    since_14 = None if direct.get_server_version() < (14, 0) else "2s"
    assert (settings["idle"], settings["gone"]) == ("10s", since_14)


async def test_a_pool_without_a_time_limit_waits_for_long_statements(proxied: str) -> None:
    async with await Database.open(proxied, size=1) as store:
        assert await store.fetchval("SELECT current_setting('statement_timeout')") == "0"
        assert await store.fetchval("SELECT 1 FROM pg_sleep(1.1)") == 1


async def test_the_pool_never_holds_more_connections_than_its_size(
    store: Database, proxy: Proxy, direct: asyncpg.Connection
) -> None:
    for _ in range(5):
        await fill(store)
        proxy.drop()
        await asyncio.gather(
            *(store.fetchval("SELECT 1") for _ in range(20)), return_exceptions=True
        )

    await works(store)

    async def within_its_size() -> bool:
        return await served(direct) <= SIZE

    await until(within_its_size)
    assert proxy.connections <= SIZE


async def test_cancelled_callers_leave_no_connection_behind(
    store: Database, direct: asyncpg.Connection
) -> None:
    sleeping = [asyncio.create_task(store.fetchval("SELECT pg_sleep(30)")) for _ in range(SIZE)]

    async def asleep() -> bool:
        count = await direct.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'"
        )
        return count == SIZE

    await until(asleep)

    for task in sleeping:
        task.cancel()
    await asyncio.gather(*sleeping, return_exceptions=True)

    await works(store)
    assert await served(direct) <= SIZE


async def test_a_cancelled_caller_does_not_keep_a_half_open_connection(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)
    proxy.swallow()
    hanging = [asyncio.create_task(store.fetchval("SELECT 1")) for _ in range(SIZE)]
    await asyncio.sleep(0)  # lets the tasks start

    for task in hanging:
        task.cancel()
    async with asyncio.timeout(IN_TIME):
        await asyncio.gather(*hanging, return_exceptions=True)

    await proxy.heal()
    await works(store)


async def test_a_read_only_standby_is_unavailable_until_it_accepts_writes(
    store: Database, direct: asyncpg.Connection
) -> None:
    await direct.execute("CREATE TABLE public.n (x int); GRANT ALL ON public.n TO PUBLIC")
    name = await direct.fetchval("SELECT current_database()")
    await direct.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")

    told = await unavailable(store, "INSERT INTO public.n VALUES (1)")

    assert "read-only" in told and "accepts writes" in told
    await direct.execute(
        f"SET default_transaction_read_only = off; ALTER DATABASE {name} RESET default_transaction_read_only"
    )
    assert await store.execute("INSERT INTO public.n VALUES (1)") == "INSERT 0 1"


async def test_a_result_is_returned_even_if_the_connection_is_cut_afterward(
    store: Database, proxy: Proxy
) -> None:
    async with store.connection() as connection:
        value = await connection.fetchval("SELECT 1")
        proxy.drop()
        await until(lambda: not proxy.connections)

    assert value == 1


async def test_an_error_in_a_statement_is_not_reported_as_unavailable(store: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        await store.fetchval("SELECT $1::int", "no number")
    with pytest.raises(asyncpg.UndefinedTableError):
        await store.fetchval("SELECT * FROM nowhere")

    await works(store)


@pytest.mark.parametrize(
    "condition",
    [
        "disk_full",
        "out_of_memory",
        "too_many_connections",
        "query_canceled",
        "deadlock_detected",
        "serialization_failure",
        "lock_not_available",
        "io_error",
    ],
)
async def test_a_temporary_error_is_reported_as_unavailable(
    store: Database, condition: str
) -> None:
    with pytest.raises(StoreUnavailable, match="no room for it"):
        await store.execute(
            f"DO $$ BEGIN RAISE EXCEPTION 'no room for it' USING ERRCODE = '{condition}'; END $$"
        )

    await works(store)


async def test_a_database_that_does_not_exist_yet_is_unavailable(proxied: str) -> None:
    async with await Database.open(proxied + "_not_restored", size=1) as store:
        with pytest.raises(StoreUnavailable, match="does not exist"):
            await store.fetchval("SELECT 1")


async def test_a_connection_that_ends_during_prepare_raises_connection_lost(store):
    """asyncpg then uses its protocol object, which is None, and raises AttributeError."""
    with pytest.raises(outages.ConnectionLost):
        async with store.connection() as connection:
            connection.terminate()
            raise AttributeError("'NoneType' object has no attribute 'bind_execute'")

    with pytest.raises(AttributeError, match="misspelt"):
        async with store.connection():
            raise AttributeError("misspelt")
    assert await store.fetchval("SELECT 1") == 1
