"""Failover between two real servers: acknowledged changes survive, and the pool connects to the new primary."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from calscim.errors import StoreUnavailable
from calscim.postgres import migrations
from calscim.postgres.pool import Database
from tests.support.cluster import Node
from tests.support.waiting import until

pytestmark = pytest.mark.own_postgres

APPEND = "SELECT calscim.append_row('okta', 'scim', $1, 'POST', '/Users', 201, '', NULL, 'User', $1, NULL, NULL)"


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    """A folder with a short path, because the paths of sockets are limited."""
    path = Path(tempfile.mkdtemp(prefix="calscim-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def pair(folder: Path) -> AsyncIterator[tuple[Node, Node]]:
    """A migrated primary with a synchronous standby."""
    primary = await Node.made(folder / "a")
    standby: Node | None = None
    try:
        await primary.start()
        await primary.ask("CREATE ROLE calscim LOGIN")
        await primary.ask("CREATE DATABASE calscim")
        owner = await asyncpg.connect(primary.dsn("calscim"))
        await migrations.migrate(owner, "calscim")
        await owner.close()
        standby = await primary.standby(folder / "b")
        await standby.start()
        await primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await primary.ask("SELECT pg_reload_conf()")

        async def streaming() -> object:
            return await primary.ask(
                "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            )

        await until(streaming)
        yield primary, standby
    finally:
        for node in (primary, standby):
            if node is not None:
                await node.stop()


def both(*nodes: Node) -> str:
    places = ",".join(str(node.sockets) for node in nodes)
    return f"postgresql://calscim@/calscim?host={places}&target_session_attrs=read-write"


async def test_the_pool_connects_to_the_promoted_standby_and_no_acknowledged_change_is_lost(
    pair: tuple[Node, Node],
) -> None:
    primary, standby = pair
    acknowledged: list[str] = []
    slowest = 0.0
    loop = asyncio.get_running_loop()
    async with await Database.open(both(primary, standby), size=2, within=1.8) as store:

        async def push() -> bool:
            nonlocal slowest
            name = f"request-{len(acknowledged)}-{loop.time()}"
            began = loop.time()
            try:
                await store.fetchval(APPEND, name)
            except StoreUnavailable:
                return False
            finally:
                slowest = max(slowest, loop.time() - began)
            acknowledged.append(name)
            return True

        for _ in range(20):
            assert await push()
        primary.kill()

        async def refused() -> bool:
            return not await push()

        await until(refused)

        await standby.promote()
        await standby.ask("ALTER SYSTEM RESET synchronous_standby_names")
        await standby.ask("SELECT pg_reload_conf()")

        await until(push)
        for _ in range(5):
            assert await push()
        kept = await store.fetch("SELECT request_id FROM calscim.journal ORDER BY seq")

    assert set(acknowledged) <= {row["request_id"] for row in kept}
    assert slowest < 2.0


async def test_the_pool_leaves_a_read_only_primary_for_the_server_that_accepts_writes(
    pair: tuple[Node, Node],
) -> None:
    primary, standby = pair
    async with await Database.open(both(primary, standby), size=2, within=1.8) as store:
        await store.fetchval(APPEND, "before")
        await primary.ask("ALTER SYSTEM SET default_transaction_read_only = on")
        await primary.ask("ALTER SYSTEM RESET synchronous_standby_names")
        await primary.ask("SELECT pg_reload_conf()")
        await standby.promote()
        await standby.ask("ALTER SYSTEM RESET synchronous_standby_names")
        await standby.ask("SELECT pg_reload_conf()")

        async def refused() -> bool:
            try:
                await store.fetchval(APPEND, "after")
            except StoreUnavailable:
                return True
            return False

        assert await refused() or await standby.ask(
            "SELECT count(*) FROM calscim.journal WHERE request_id = 'after'", "calscim"
        )
        await store.fetchval(APPEND, "again")

    found = await standby.ask(
        "SELECT count(*) FROM calscim.journal WHERE request_id = 'again'", "calscim"
    )
    assert found == 1
