"""One bundled Postgres a session, one fresh database a test; nothing but loopback, nothing of the environment."""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from calscim.store import embedded, migrate
from calscim.store import pool as pool_room


def pytest_configure() -> None:
    for name in [name for name in os.environ if name.startswith("CALSCIM_")]:
        del os.environ[name]
    os.environ.pop("CREDENTIALS_DIRECTORY", None)
    os.environ.pop("NOTIFY_SOCKET", None)


@dataclass(frozen=True)
class Server:
    """The Postgres of this session. Databases are cloned from a migrated template."""

    host: str
    template: str = "calscim_template"

    def dsn(self, database: str, user: str = embedded.SERVING_ROLE) -> str:
        return f"postgresql://{user}@/{database}?host={self.host}"


@dataclass(frozen=True)
class Database:
    """A migrated, empty database: ``dsn`` is the serving role's, ``owner_dsn`` the owner's."""

    dsn: str
    owner_dsn: str


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    import asyncio

    folder = Path(tempfile.mkdtemp(prefix="calscim-tests-"))
    folder.chmod(0o755)

    async def prepare() -> tuple[embedded.Embedded, Server]:
        running = await embedded.start(folder / "postgres")
        server = Server(str(running.server.get_postmaster_info().socket_dir))
        admin = await asyncpg.connect(server.dsn("postgres", "postgres"))
        # The tests may lose everything at a power cut.
        for setting in ("fsync = off", "full_page_writes = off", "synchronous_commit = off"):
            await admin.execute(f"ALTER SYSTEM SET {setting}")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.execute(f"CREATE DATABASE {server.template}")
        await admin.close()
        owner = await asyncpg.connect(server.dsn(server.template, "postgres"))
        await migrate.migrate(owner, embedded.SERVING_ROLE)
        await owner.close()
        return running, server

    running, server = asyncio.run(prepare())
    yield server
    running.server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


_numbers = itertools.count(1)


@pytest.fixture
async def database(postgres: Server) -> AsyncIterator[Database]:
    name = f"test_{next(_numbers)}"
    admin = await asyncpg.connect(postgres.dsn("postgres", "postgres"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {postgres.template}")
    yield Database(postgres.dsn(name), postgres.dsn(name, "postgres"))
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database.dsn, min_size=1, max_size=8) as pool:
        yield pool


@pytest.fixture
async def db(database: Database) -> AsyncIterator[pool_room.Database]:
    async with await pool_room.Database.open(database.dsn) as opened:
        yield opened
