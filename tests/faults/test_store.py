"""The pool with a Postgres that fails: an answer in time, no lost connection, and it mends itself."""

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
_WORDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"
LAST_WORDS = b"E" + (len(_WORDS) + 4).to_bytes(4, "big") + _WORDS  # ErrorResponse, protocol 3.0
IN_TIME = 2.0  # seconds, what INTERFACE promises to the identity provider


@pytest.fixture
async def store(proxied: str) -> AsyncIterator[Database]:
    """A pool as the daemon opens it for SCIM."""
    async with await Database.open(proxied, size=SIZE, within=0.8) as opened:
        yield opened


@pytest.fixture
async def direct(database: conftest.Database) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection, past the proxy."""
    connection = await asyncpg.connect(database.owner_dsn)
    yield connection
    await connection.close()


async def unavailable(store: Database, query: str = "SELECT 1") -> str:
    """What the pool says within the time, with every connection asked at once."""
    async with asyncio.timeout(IN_TIME):
        told = await asyncio.gather(
            *(store.fetchval(query) for _ in range(2 * SIZE)), return_exceptions=True
        )
    assert all(isinstance(one, StoreUnavailable) for one in told), told
    return str(told[0])


async def nobody_waits(direct: asyncpg.Connection) -> bool:
    """No statement in this database waits for a lock."""
    return not await direct.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )


async def fill(store: Database) -> None:
    """Have every connection of the pool open."""
    everybody = asyncio.Barrier(SIZE)

    async def one() -> None:
        async with store.connection() as connection:
            await connection.fetchval("SELECT 1")
            await everybody.wait()

    await asyncio.gather(*(one() for _ in range(SIZE)))


async def served(direct: asyncpg.Connection) -> int:
    """How many connections the server has from the serving role."""
    return await direct.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'calscim'"
    )


async def works(store: Database) -> None:
    answers = await asyncio.gather(*(store.fetchval("SELECT 1") for _ in range(3 * SIZE)))
    assert answers == [1] * 3 * SIZE


async def test_a_server_that_refuses_is_told_in_time_and_found_again(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)

    await proxy.refuse()

    assert "database.dsn" in await unavailable(store)
    await proxy.heal()
    await works(store)


async def test_a_server_that_is_not_there_at_the_start_is_found_later(
    proxied: str, proxy: Proxy
) -> None:
    await proxy.refuse()

    async with await Database.open(proxied, size=SIZE, within=0.8) as store:
        await unavailable(store)
        await proxy.heal()
        await works(store)


async def test_half_open_connections_in_the_pool_are_given_up_in_time(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)

    proxy.swallow()

    await unavailable(store)
    await proxy.heal()
    await works(store)


async def test_a_half_open_server_at_the_start_is_given_up_in_time(
    store: Database, proxy: Proxy
) -> None:
    proxy.swallow()

    await unavailable(store)
    await proxy.heal()
    await works(store)


async def test_connections_that_were_reset_are_made_anew_without_an_error(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)

    proxy.drop()
    await until(lambda: not proxy.connections)

    await works(store)


async def test_last_words_of_a_server_that_was_killed_are_not_taken_for_a_mistake(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)

    proxy.swallow_present()
    asked = [asyncio.create_task(store.fetchval("SELECT 1")) for _ in range(SIZE)]
    await asyncio.sleep(0.05)  # until they wait for their answers

    proxy.say(LAST_WORDS)

    told = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, StoreUnavailable) for one in told), told
    await works(store)


async def test_a_server_that_is_slow_to_answer_is_given_up_in_time(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)

    proxy.delay = 5.0

    await unavailable(store)
    await proxy.heal()
    await works(store)


async def test_a_connection_that_is_cut_while_it_opens_is_unavailable(
    store: Database, proxy: Proxy
) -> None:
    for count in (0, 1, 9, 60, 120):
        proxy.cut_at(count)
        await unavailable(store)

    await proxy.heal()
    await works(store)


async def test_a_statement_that_is_stuck_in_the_server_ends_in_time_there_too(
    store: Database, direct: asyncpg.Connection
) -> None:
    if direct.get_server_version() < (14, 0):
        pytest.skip(
            "Postgres 13 does not notice that a client is gone: the statement's limit ends it"
        )
    await direct.execute("CREATE TABLE public.n (x int); GRANT ALL ON public.n TO PUBLIC")

    async with direct.transaction():
        await direct.execute("LOCK TABLE public.n")

        await unavailable(store, "SELECT count(*) FROM public.n")

        await until(lambda: nobody_waits(direct))

    await works(store)


async def test_a_statement_that_is_stuck_in_the_server_ends_at_its_limit_at_the_latest(
    proxied: str, direct: asyncpg.Connection
) -> None:
    await direct.execute("CREATE TABLE public.n (x int); GRANT ALL ON public.n TO PUBLIC")

    async with (
        await Database.open(proxied, size=SIZE, within=0.8, longest=1.5) as store,
        direct.transaction(),
    ):
        await direct.execute("LOCK TABLE public.n")

        await unavailable(store, "SELECT count(*) FROM public.n")

        await until(lambda: nobody_waits(direct))


async def test_a_transaction_that_lost_its_client_does_not_keep_its_locks(
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


async def test_a_pool_without_a_limit_waits_for_long_statements(proxied: str) -> None:
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


async def test_callers_that_were_cancelled_leave_the_pool_whole(
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


async def test_a_cancelled_caller_on_a_half_open_connection_does_not_keep_it(
    store: Database, proxy: Proxy
) -> None:
    await fill(store)
    proxy.swallow()
    hanging = [asyncio.create_task(store.fetchval("SELECT 1")) for _ in range(SIZE)]
    await asyncio.sleep(0)  # lets them begin

    for task in hanging:
        task.cancel()
    async with asyncio.timeout(IN_TIME):
        await asyncio.gather(*hanging, return_exceptions=True)

    await proxy.heal()
    await works(store)


async def test_a_standby_that_cannot_write_is_unavailable_until_it_can(
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


async def test_the_servers_answer_counts_even_when_the_connection_dies_on_its_way_back(
    store: Database, proxy: Proxy
) -> None:
    async with store.connection() as connection:
        value = await connection.fetchval("SELECT 1")
        proxy.drop()
        await until(lambda: not proxy.connections)

    assert value == 1


async def test_a_mistake_in_a_call_is_not_taken_for_a_server_that_is_away(store: Database) -> None:
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
async def test_what_may_pass_by_itself_is_unavailable(store: Database, condition: str) -> None:
    with pytest.raises(StoreUnavailable, match="no room for it"):
        await store.execute(
            f"DO $$ BEGIN RAISE EXCEPTION 'no room for it' USING ERRCODE = '{condition}'; END $$"
        )

    await works(store)


async def test_a_database_that_does_not_exist_yet_is_unavailable(proxied: str) -> None:
    async with await Database.open(proxied + "_not_restored", size=1) as store:
        with pytest.raises(StoreUnavailable, match="does not exist"):
            await store.fetchval("SELECT 1")


async def test_a_connection_that_ends_while_a_statement_is_prepared_is_lost(store):
    """asyncpg reaches for its protocol at the next step, and there is none any more."""
    with pytest.raises(outages.ConnectionLost):
        async with store.connection() as connection:
            connection.terminate()
            raise AttributeError("'NoneType' object has no attribute 'bind_execute'")

    with pytest.raises(AttributeError, match="misspelt"):
        async with store.connection():
            raise AttributeError("misspelt")
    assert await store.fetchval("SELECT 1") == 1
