"""Fixtures: one Postgres per session and one empty database per test, without settings from the environment."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

from calscim.postgres import pool as pool_room
from tests.support.databases import Databases
from tests.support.server import (
    OWNER,
    WORKER,
    Server,
    bundled,
    claim,
    database_of,
    give_back,
    given,
)

TESTS = Path(__file__).parent
GIVEN = os.environ.get("TEST_POSTGRES", "")
# Coverage, which doubles the time of a test, leaves out rooms that start daemons as processes, read pages, or play whole
# stories: other rooms test the same code, and name what is wrong.
NOT_MEASURED = frozenset({"docs", "faults", "guide", "machine", "upgrades"})
# "calscim" draws the same examples in each run, so that a failure belongs to a change; "soak" draws others in each run
# (make soak). No deadline: the time of an example depends on the machine.
for profile, same in (("calscim", True), ("soak", False)):
    settings.register_profile(
        profile, derandomize=same, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
settings.load_profile("calscim")


def pytest_configure() -> None:
    for name in [name for name in os.environ if name.startswith(("CALSCIM_", "PG"))]:
        del os.environ[name]
    os.environ.pop("CREDENTIALS_DIRECTORY", None)
    os.environ.pop("NOTIFY_SOCKET", None)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Claim the server of TEST_POSTGRES before the first worker starts, and clean it after the last worker."""
    if GIVEN and not WORKER:
        asyncio.run(claim(GIVEN))
        session.config.add_cleanup(lambda: asyncio.run(give_back(GIVEN)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that run their own Postgres if TEST_POSTGRES is set; start workers with the longest tests.

    Coverage counts only tests with fixed examples, and not the rooms of NOT_MEASURED.
    """
    for item in items:
        is_generated = isinstance(item, pytest.Function) and is_hypothesis_test(item.obj)
        if is_generated or _room(item) in NOT_MEASURED:
            item.add_marker("no_cover")
    if WORKER:
        items.sort(key=lambda item: _room(item) != "machine")
    if GIVEN:
        reason = "runs its own bundled Postgres, not the one of TEST_POSTGRES"
        for item in items:
            if item.get_closest_marker("own_postgres"):
                item.add_marker(pytest.mark.skip(reason=reason))


def _room(item: pytest.Item) -> str:
    """Return the name of the folder in tests/ that the test is in."""
    return item.path.relative_to(TESTS).parts[0]


@dataclass(frozen=True)
class Database:
    """A migrated, empty database: ``dsn`` is for the serving role, ``owner_dsn`` for the owner."""

    dsn: str
    owner_dsn: str

    @property
    def name(self) -> str:
        return database_of(self.dsn)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="calscim-tests-"))
    folder.chmod(0o755)
    with asyncio.Runner() as runner:
        running = given(GIVEN) if GIVEN else bundled(folder / "postgres")
        server = runner.run(running.__aenter__())
        try:
            yield server
        finally:
            runner.run(running.__aexit__(None, None, None))
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(postgres: Server) -> Iterator[Databases]:
    databases = Databases(postgres)
    yield databases
    asyncio.run(databases.close())


@pytest.fixture
async def database(postgres: Server, databases: Databases) -> AsyncIterator[Database]:
    name = await databases.lend()
    yield Database(postgres.dsn(name), postgres.dsn(name, OWNER))
    await databases.take_back(name)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=8) as pool:
        yield pool


@pytest.fixture
async def db(database: Database) -> AsyncIterator[pool_room.Database]:
    async with await pool_room.Database.open(database.dsn) as opened:
        yield opened


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the database owner, with triggers disabled."""
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()
