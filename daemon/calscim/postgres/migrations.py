"""Migrates the schema, with one transaction per migration, and sets the privileges of the roles.

This release works with the schema of a newer release if that schema says so, and never changes it.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from calscim.errors import StoreError
from calscim.postgres import grants
from calscim.postgres.grants import Roles
from calscim.postgres.queries import folder

_FILE = re.compile(r"^(?P<version>\d{4})_(?P<name>\w+)\.sql$")
_JOURNAL_TABLES = "^journal(_default|_archives|_[0-9]{4}_[0-9]{2})?$"  # that no role can change
_LOCK = 0x63616C7363696D  # "calscim": one migration at a time


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    text: str


def migrations() -> list[Migration]:
    """Return all migrations of this release, in order."""
    found = []
    for path in (folder() / "migrations").iterdir():
        if match := _FILE.match(path.name):
            text = path.read_text(encoding="utf-8")
            found.append(Migration(int(match["version"]), match["name"], text))
    return sorted(found, key=lambda migration: migration.version)


def latest() -> int:
    """Return the schema version of this release."""
    return migrations()[-1].version


async def current(connection: asyncpg.Connection) -> int:
    """Return the schema version of the database, 0 if it is empty."""
    if await connection.fetchval("SELECT to_regclass('calscim.schema_version')") is None:
        return 0
    version = await connection.fetchval("SELECT max(version) FROM calscim.schema_version")
    return int(version or 0)


async def check(connection: asyncpg.Connection) -> None:
    """Raise StoreError, with what to do, unless this release works with the schema of the database."""
    applied = await _applied(connection)
    if missing := _missing(applied):
        raise StoreError(
            f"the database lacks {len(missing)} migration(s), up to version {missing[-1].version}: "
            "run `calscim migrate`"
        )
    oldest = max(applied.values())
    if oldest > latest():
        raise StoreError(
            f"the database has schema version {max(applied)}, which needs a calscim release that knows "
            f"version {oldest}, but this release knows only up to {latest()}: install a later release"
        )


async def ahead(connection: asyncpg.Connection) -> bool:
    """Return True if a newer release migrated the database."""
    return await current(connection) > latest()


async def pending(connection: asyncpg.Connection) -> list[Migration]:
    """Return the migrations to apply. Raise StoreError if a newer release migrated the database, or it is not UTF-8."""
    if await ahead(connection):
        raise StoreError(
            f"the database has schema version {await current(connection)}, but this release knows "
            f"only up to {latest()}: use the release that migrated the database, or a later one"
        )
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreError(
            f"the database has the encoding {encoding}, which cannot store every name: "
            "create a database with ENCODING 'UTF8' TEMPLATE template0"
        )
    return _missing(await _applied(connection))


def _missing(applied: dict[int, int]) -> list[Migration]:
    return [migration for migration in migrations() if migration.version not in applied]


async def _applied(connection: asyncpg.Connection) -> dict[int, int]:
    """Return the applied versions, each with the last version of the oldest release that works with it."""
    if await current(connection) == 0:
        return {}
    rows = await connection.fetch("SELECT version, oldest_compatible FROM calscim.schema_version")
    return {row["version"]: row["oldest_compatible"] for row in rows}


async def migrate(
    connection: asyncpg.Connection, serving_role: str, operator_role: str | None = None
) -> list[Migration]:
    """Apply the pending migrations, set the privileges of the roles, and return the applied migrations."""
    applied = []
    while migration := await _apply_next(connection):
        applied.append(migration)
    async with _locked(connection):
        await grant(connection, serving_role, operator_role)
    return applied


async def ensure(connection: asyncpg.Connection, serving_role: str) -> list[Migration]:
    """Migrate the database, or check that this release works with the schema of a newer one."""
    if not await ahead(connection):
        return await migrate(connection, serving_role)
    await check(connection)
    return []


async def _apply_next(connection: asyncpg.Connection) -> Migration | None:
    """Apply the first pending migration and return it, or None."""
    async with _locked(connection):
        missing = await pending(connection)
        if not missing:
            return None
        await connection.execute(missing[0].text)
        await connection.execute(
            "INSERT INTO calscim.schema_version (version, name) VALUES ($1, $2)",
            missing[0].version,
            missing[0].name,
        )
        return missing[0]


@asynccontextmanager
async def _locked(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Open a transaction that locks out other migrations. PgBouncer would keep a lock of the session."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        yield


async def grant(connection: asyncpg.Connection, role: str, operator: str | None = None) -> None:
    """Set the privileges of the serving role and the operators' role.

    An owner that is also the serving role revokes its own privileges to change the journal. Triggers also refuse such
    changes, and for a superuser an event trigger refuses DROP. DROP by any other owner cannot be refused.
    """
    async with connection.transaction():
        if not await _owns(connection, role):
            await grants.grant(connection, Roles(role, operator))
            await grants.revoke_temp(connection)
            return
        name = await connection.fetchval("SELECT quote_ident($1)", role)
        tables = ", ".join(await _journal_tables(connection))
        await connection.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {tables} FROM {name}")
        if await _is_superuser(connection):
            await connection.execute((folder() / "single_role.sql").read_text(encoding="utf-8"))


async def _journal_tables(connection: asyncpg.Connection) -> list[str]:
    """Return the qualified names of the journal, its partitions and the table of its archives."""
    rows = await connection.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c "
        "WHERE c.relnamespace = 'calscim'::regnamespace AND c.relname ~ $1",
        _JOURNAL_TABLES,
    )
    return [row["name"] for row in rows]


async def _owns(connection: asyncpg.Connection, role: str) -> bool:
    return bool(
        await connection.fetchval(
            "SELECT pg_get_userbyid(relowner) = $1 FROM pg_class "
            "WHERE oid = 'calscim.journal'::regclass",
            role,
        )
    )


async def _is_superuser(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval("SELECT current_setting('is_superuser') = 'on'"))
