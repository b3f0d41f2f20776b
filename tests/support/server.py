"""The Postgres of a test session: the bundled one, or the one that TEST_POSTGRES names (`make test PG=...`).

On the server of TEST_POSTGRES, everything that the session creates, except the serving role, has a name that begins
with calscim_test. The session deletes everything at the end. If the server already has a role calscim, the session
assumes an installation and refuses to run. Workers (`pytest -n`) share the server: each worker uses its own names,
and the session creates and deletes the shared objects.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import asyncpg
import pytest

from calscim.postgres import embedded, migrations

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
_ALL = "calscim_test"
PREFIX = f"{_ALL}_{WORKER}" if WORKER else _ALL
OWNER = "postgres"  # stands for the superuser in tests, whatever the superuser's name is
PASSWORD = "calscim-test"  # of the serving role, if the server requires a password
_MARK = "made by the tests of calscim"


@dataclass(frozen=True)
class Server:
    """A Postgres server on which test databases are cloned from a migrated template."""

    superuser: str  # a DSN
    password: bool = False  # True if the serving role has a password
    template: str = f"{PREFIX}_template"
    cloning: str = ""  # options of CREATE DATABASE

    def dsn(self, database: str, user: str = embedded.SERVING_ROLE) -> str:
        """Return the DSN of a database: for the superuser if ``user`` is OWNER, else for that role."""
        if user == OWNER:
            return urlsplit(self.superuser)._replace(path=f"/{database}").geturl()
        role = f"{user}:{PASSWORD}" if self.password else user
        parts = urlsplit(self.superuser)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{role}@{place}", path=f"/{database}"))

    @property
    def owner(self) -> str:
        """The name of the superuser."""
        return urlsplit(self.superuser).username or OWNER

    @property
    def address(self) -> Path | tuple[str, int]:
        """The socket, or the host and port, on which the server listens."""
        parts = urlsplit(self.superuser)
        options = parse_qs(parts.query)
        host = options["host"][0] if "host" in options else parts.hostname or "localhost"
        port = int(options["port"][0]) if "port" in options else parts.port or 5432
        return Path(host, f".s.PGSQL.{port}") if host.startswith("/") else (host, port)


def database_of(dsn: str) -> str:
    """Return the name of the database of a DSN."""
    return urlsplit(dsn).path.strip("/")


def by_way_of(dsn: str, *ports: int) -> str:
    """Return a DSN with the same role and database, and with local ports as its hosts."""
    parts = urlsplit(dsn)
    role = parts.netloc.rpartition("@")[0]
    options = {
        name: found[0]
        for name, found in parse_qs(parts.query).items()
        if name not in {"host", "port"}
    }
    places = ",".join(f"127.0.0.1:{port}" for port in ports)
    return parts._replace(netloc=f"{role}@{places}", query=urlencode(options)).geturl()


@asynccontextmanager
async def bundled(folder: Path) -> AsyncIterator[Server]:
    """Run the bundled Postgres in a folder and create the template."""
    async with await embedded.start(folder) as running:
        server = Server(running.owner_dsn, cloning="STRATEGY FILE_COPY")  # half the CPU of WAL_LOG
        admin = await asyncpg.connect(server.dsn("postgres", OWNER))
        # Tests need no durability, and only a test may run ANALYZE.
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
            await admin.execute(f"ALTER SYSTEM SET {setting} = off")
        await admin.execute("SELECT pg_reload_conf()")
        await _make_template(admin, server)
        await admin.close()
        yield server


@asynccontextmanager
async def given(dsn: str) -> AsyncIterator[Server]:
    """Use a claimed Postgres and create the template."""
    server = Server(dsn, password=True)
    admin = await asyncpg.connect(server.dsn("postgres", OWNER))
    await _make_template(admin, server)
    await admin.close()
    yield server


async def claim(dsn: str) -> None:
    """Claim a Postgres for this session, by the superuser's DSN. Raise UsageError if the tests must not use it."""
    admin = await asyncpg.connect(Server(dsn).dsn("postgres", OWNER))
    try:
        if not await admin.fetchval("SELECT current_setting('is_superuser') = 'on'"):
            raise pytest.UsageError("TEST_POSTGRES is not the DSN of a superuser: set it to one")
        mark = await admin.fetchrow(
            "SELECT shobj_description(oid, 'pg_authid') AS text FROM pg_roles WHERE rolname = $1",
            embedded.SERVING_ROLE,
        )
        if mark is not None and mark["text"] != _MARK:
            raise pytest.UsageError(
                f"the server of TEST_POSTGRES has a role {embedded.SERVING_ROLE} that the tests did not make: "
                "set TEST_POSTGRES to a server that is used only for tests"
            )
        await _clean(admin)  # removes the objects of a killed session
        await admin.execute(
            f"CREATE ROLE {embedded.SERVING_ROLE} LOGIN PASSWORD '{PASSWORD}'; "
            f"COMMENT ON ROLE {embedded.SERVING_ROLE} IS '{_MARK}'"
        )
    finally:
        await admin.close()


async def give_back(dsn: str) -> None:
    """Remove everything that the tests created on a claimed server."""
    admin = await asyncpg.connect(Server(dsn).dsn("postgres", OWNER))
    await _clean(admin)
    await admin.close()


async def _make_template(admin: asyncpg.Connection, server: Server) -> None:
    await admin.execute(f"CREATE DATABASE {server.template}")
    owner = await asyncpg.connect(server.dsn(server.template, OWNER))
    await migrations.migrate(owner, embedded.SERVING_ROLE)
    await owner.close()


async def _clean(admin: asyncpg.Connection) -> None:
    for row in await admin.fetch(
        "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", _ALL
    ):
        await admin.execute(f"DROP DATABASE {row['datname']} WITH (FORCE)")
    await admin.execute(f"DROP ROLE IF EXISTS {embedded.SERVING_ROLE}")
