"""Migrate the schema and set the rights of the roles. Returns what was done, as ``calscim migrate --json`` shows it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from calscim.config import Database
from calscim.errors import StoreError
from calscim.postgres import migrations
from calscim.postgres.grants import Roles
from calscim.postgres.pool import Connection
from calscim.postgres.queries import sql

# Opens a connection to a DSN. The second argument is the configuration key of the DSN, for error messages.
ConnectTo: TypeAlias = Callable[[str, str], AbstractAsyncContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """One migration of the schema."""

    version: int
    name: str


@dataclass(frozen=True, slots=True)
class MigrationResult:
    """The schema after a migration. ``migrations``: those that were applied, or with ``dry_run`` those that would be.

    ``owner_role``: the role that migrated, and so owns the tables.
    """

    version: int
    latest: int
    dry_run: bool
    migrations: tuple[MigrationStep, ...]
    owner_role: str
    serving_role: str
    operator_role: str | None


@dataclass(frozen=True, slots=True)
class RoleRights:
    """What a role of the database is used for, and what it may do."""

    role: str
    used_for: str
    may: str


async def migrate_database(
    connection: Connection, roles: Roles, *, dry_run: bool
) -> MigrationResult:
    """Apply the pending migrations and set the rights of the roles; with ``dry_run`` change nothing."""
    steps = await (
        migrations.pending(connection)
        if dry_run
        else migrations.migrate(connection, roles.serving, roles.operator)
    )
    return MigrationResult(
        version=await migrations.current(connection),
        latest=migrations.latest(),
        dry_run=dry_run,
        migrations=tuple(MigrationStep(step.version, step.name) for step in steps),
        owner_role=await connection.fetchval(sql("roles.get_current")),
        serving_role=roles.serving,
        operator_role=roles.operator,
    )


async def configured_roles(database: Database, connection: Connection, connect: ConnectTo) -> Roles:
    """Return the roles of database.dsn and database.operator_dsn. Raise StoreError if one does not exist."""
    assert database.dsn is not None, "migration_dsn is refused without dsn"
    serving = await _role("dsn", database.dsn, connection, connect)
    if database.operator_dsn is None:
        return Roles(serving)
    operator = await _role("operator_dsn", database.operator_dsn, connection, connect)
    if operator == serving:
        raise StoreError(
            f"database.operator_dsn and database.dsn both connect as {serving}: create a role for operators, "
            "or leave operator_dsn out"
        )
    return Roles(serving, operator)


async def _role(key: str, dsn: str, connection: Connection, connect: ConnectTo) -> str:
    role = _user_of(dsn)
    if role is None:  # the DSN names no user: ask the server
        async with connect(dsn, f"database.{key}") as other:
            return str(await other.fetchval(sql("roles.get_current")))
    if not await connection.fetchval(sql("roles.exists"), role):
        quoted = await connection.fetchval(sql("roles.quote_name"), role)
        raise StoreError(
            f"database.{key} connects as {role}, but this role does not exist: "
            f"run CREATE ROLE {quoted} LOGIN PASSWORD '...', then `calscim migrate` again"
        )
    return role


def _user_of(dsn: str) -> str | None:
    """Return the user in a DSN; None if the DSN names no user."""
    parts = urlsplit(dsn)
    in_query = parse_qs(parts.query).get("user")
    if in_query:
        return in_query[0]
    name, at, _ = parts.netloc.rpartition("@")
    return unquote(name.partition(":")[0]) or None if at else None


def role_rights(result: MigrationResult) -> tuple[RoleRights, ...]:
    """Return the rights of each role, the owner first."""
    owner, serving, operator = result.owner_role, result.serving_role, result.operator_role
    if owner == serving:
        return (RoleRights(owner, "everything", "everything"),)
    edits = "edit directories, tokens, mappings, pauses and holds"
    serves = "answer SCIM and reconcile; append to the journal, never change it"
    owning = RoleRights(owner, "migrate, journal archive, erase", "own the tables")
    if operator is None:
        return (owning, RoleRights(serving, "the daemon and all other verbs", f"{serves}; {edits}"))
    return (
        owning,
        RoleRights(serving, "the daemon, rebuild", serves),
        RoleRights(operator, "all other verbs", f"{edits}; read everything"),
    )


async def one_role_warning(connection: Connection, role: str) -> str:
    """Return the warning about an installation whose serving role owns the tables."""
    everything = await connection.fetchval(sql("roles.is_superuser"), role)
    power = "a superuser" if everything else "the owner"
    return (
        f"{role} owns the tables and also serves. Its rights to change the journal were revoked and triggers "
        f"refuse changes, but {power} can undo both. A second role is safer: create a role that only serves, set "
        "database.dsn to it and database.migration_dsn to the owner, then run `calscim migrate` again."
    )
