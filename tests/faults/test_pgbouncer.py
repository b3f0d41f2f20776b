"""calscim works behind PgBouncer in transaction mode, and leaves no settings in shared sessions."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from calscim import admin
from calscim.errors import StoreUnavailable
from calscim.journal import chain
from calscim.journal.replay import rebuild
from calscim.postgres import migrations as migrate
from calscim.postgres.hosts import hosts
from calscim.postgres.pool import Database
from tests import conftest
from tests.support.bouncer import PROGRAM, SERVERS, bouncing
from tests.support.counting_okta import CountingOkta
from tests.support.deployment import TEAMS, deployed
from tests.support.proxy import Proxy
from tests.support.server import OWNER, PREFIX, Server, by_way_of
from tests.support.stage import staged
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="the program pgbouncer is not installed")

LISTENING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'"


@pytest.fixture
async def bouncer(postgres: Server, proxy: Proxy) -> AsyncIterator[int]:
    """The port of a PgBouncer that reaches the server through ``proxy``."""
    async with bouncing(postgres, proxy) as port:
        yield port


@pytest.fixture
def bounced(database: conftest.Database, bouncer: int) -> str:
    """The serving role's DSN through PgBouncer."""
    return by_way_of(database.dsn, bouncer)


@pytest.fixture
async def store(bounced: str) -> AsyncIterator[Database]:
    """A pool with the options that the daemon uses for SCIM."""
    async with await Database.open(bounced, size=8, within=1.1) as opened:
        yield opened


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_a_daemon_behind_pgbouncer_serves_and_reconciles_pushes(
    database: conftest.Database, bounced: str, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with deployed(tmp_path, bounced, database.dsn) as site:
        daemon = await site.start()
        speaker = CountingOkta(session, lambda: site.base_url(daemon), site.token)

        people = await asyncio.gather(
            *(speaker.create(f"person{number}@acme.example") for number in range(12))
        )
        groups = await asyncio.gather(*(speaker.push_group(name) for name in TEAMS))
        await asyncio.gather(*(speaker.add(group, *people) for group in groups))
        await speaker.remove(groups[0], *people[:4])
        await speaker.set_active(people[11], active=False)

        await until(
            lambda: (
                site.teams()
                == {
                    TEAMS[0]: {one.email for one in people[4:11]},
                    TEAMS[1]: {one.email for one in people[:11]},
                    TEAMS[2]: {one.email for one in people[:11]},
                }
            ),
            30,
        )
        assert daemon.events("listener.disabled")
        assert await daemon.terminate() == 0
    async with await Database.open(database.dsn, size=4) as direct:
        assert not (await chain.verify(direct)).broken


async def test_the_daemon_listens_if_a_listen_dsn_is_set(
    database: conftest.Database,
    bounced: str,
    tmp_path: Path,
    pool: asyncpg.Pool,
) -> None:
    async with deployed(tmp_path, bounced, database.dsn) as site:
        site.listen_dsn = database.dsn
        site.configure()

        daemon = await site.start()

        async def listening() -> bool:
            return await pool.fetchval(LISTENING) == 1

        await until(listening)
        assert not daemon.events("listener.disabled")


async def test_check_recommends_a_listen_dsn_behind_a_pooler(
    database: conftest.Database, bounced: str, tmp_path: Path
) -> None:
    async with deployed(tmp_path, bounced, database.dsn) as site:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "calscim", "check", "--json", "--config", str(site.configuration),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, said = await process.communicate()

    assert json.loads(out)["ok"]
    assert b"set database.listen_dsn" in said


async def test_changes_behind_pgbouncer_end_in_sync_and_can_be_verified_and_rebuilt(
    store: Database,
) -> None:
    async with staged(store) as story:
        await story.given("Sales", "exclusive", "ann", "ben", "cleo")
        await story.okta.deactivate("ben@acme.example")
        await story.full()

        assert set(story.team("Sales")) == {"ann@acme.example", "cleo@acme.example"}
        assert (await story.plan()).actions == ()
        for directory in await admin.directories(store):
            assert (await rebuild.compare(store, directory)).different == 0
        assert not (await chain.verify(store)).broken


async def test_concurrent_statements_get_their_own_results(bounced: str) -> None:
    async def ask(number: int) -> int:
        # Each statement has its own text and columns, so that a mixed-up plan gives a wrong result.
        found = await store.fetchrow(f"SELECT $1::int AS a{number}, {number} AS b", number)
        assert found is not None
        return found[f"a{number}"] - found["b"]

    async with await Database.open(bounced, size=8, patience=20) as store:
        assert set(await asyncio.gather(*(ask(number) for number in range(300)))) == {0}


async def test_each_of_several_hosts_can_be_a_pooler(
    database: conftest.Database, bouncer: int
) -> None:
    several = by_way_of(database.dsn, bouncer, bouncer)
    for _ in range(2):
        async with await Database.open(several, size=8, patience=5) as store:
            found = await asyncio.gather(*(store.fetchval(f"SELECT {n}") for n in range(40)))
            assert found == list(range(40))


async def test_no_setting_stays_in_a_server_session_that_other_clients_use(
    store: Database, bounced: str
) -> None:
    await asyncio.gather(*(store.fetchval("SELECT pg_sleep(0.05)") for _ in range(SERVERS)))

    async with await Database.open(bounced, size=1) as another:
        for _ in range(SERVERS):
            found = await another.fetchrow(
                "SELECT current_setting('statement_timeout') AS ours, "
                "(SELECT reset_val FROM pg_settings WHERE name = 'statement_timeout') AS theirs"
            )
            assert found is not None
            assert found["ours"] == found["theirs"]


async def test_two_concurrent_migrations_apply_each_migration_once_and_leave_no_lock(
    postgres: Server, bouncer: int
) -> None:
    name = f"{PREFIX}_bounced"
    admin_connection = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    await admin_connection.execute(f"CREATE DATABASE {name}")
    owner = by_way_of(postgres.dsn(name, OWNER), bouncer)
    two = [await hosts(owner).connect(timeout=5) for _ in range(2)]

    applied = await asyncio.gather(*(migrate.migrate(one, "calscim") for one in two))

    numbers = sorted(one.version for done in applied for one in done)
    assert numbers == [one.version for one in migrate.migrations()]
    assert (
        await admin_connection.fetchval(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE d.datname = $1 AND l.locktype = 'advisory'",
            name,
        )
        == 0
    )
    for one in two:
        await one.close()
    await admin_connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin_connection.close()


async def test_an_unreachable_server_behind_pgbouncer_is_reported_in_time_and_used_again_later(
    store: Database, proxy: Proxy
) -> None:
    assert await store.fetchval("SELECT 1") == 1

    await proxy.refuse()
    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(2):
            await store.fetchval("SELECT 1")
            await store.fetchval("SELECT 1")
    await proxy.heal()

    async def works() -> bool:
        try:
            return await store.fetchval("SELECT 1") == 1
        except StoreUnavailable:
            return False

    await until(works, 20)
