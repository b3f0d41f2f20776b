"""calscim migrate: bring the database's schema up to date, and set the rights of its roles."""

from urllib.parse import parse_qs, unquote, urlsplit

from rich.console import Group, RenderableType

from calscim.cli.command import Command
from calscim.cli.database import connected
from calscim.cli.output import lines, table
from calscim.cli.verbs import Verbs
from calscim.config import Settings
from calscim.errors import StoreError
from calscim.postgres import embedded, migrations
from calscim.postgres.grants import Roles
from calscim.postgres.pool import Connection
from calscim.postgres.queries import sql


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "migrate",
        _migrate,
        details="Uses database.migration_dsn, else database.dsn; each migration is one transaction. Sets and "
        "prints the rights of the roles of database.dsn and database.operator_dsn.",
        examples=("calscim migrate --dry-run", "calscim migrate"),
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the pending migrations and apply none"
    )


async def _migrate(command: Command) -> None:
    database = command.settings().database
    if database.embedded is not None:
        async with (
            await embedded.start(database.embedded) as running,
            connected(running.owner_dsn, "database.embedded") as connection,
        ):
            await _bring_up(command, connection, Roles(embedded.SERVING_ROLE))
    elif database.migration_dsn is not None:
        async with connected(database.migration_dsn, "database.migration_dsn") as connection:
            await _bring_up(command, connection, await _roles(command.settings(), connection))
    else:
        assert database.dsn is not None, "settings have one or the other"
        async with connected(database.dsn, "database.dsn") as connection:
            role = await connection.fetchval(sql("roles.get_current"))
            await _bring_up(command, connection, Roles(role))
            await _warn_of_one_role(command, connection, role)


async def _roles(settings: Settings, connection: Connection) -> Roles:
    """Return the roles of database.dsn and database.operator_dsn. Raise StoreError if one does not exist."""
    database = settings.database
    assert database.dsn is not None, "migration_dsn is refused without dsn"
    serving = await _role("dsn", database.dsn, connection)
    if database.operator_dsn is None:
        return Roles(serving)
    operator = await _role("operator_dsn", database.operator_dsn, connection)
    if operator == serving:
        raise StoreError(
            f"database.operator_dsn and database.dsn both connect as {serving}: create a role for operators, "
            "or leave operator_dsn out"
        )
    return Roles(serving, operator)


async def _role(key: str, dsn: str, connection: Connection) -> str:
    role = user_of(dsn)
    if role is None:  # the DSN names no user: ask the server
        async with connected(dsn, f"database.{key}") as other:
            return str(await other.fetchval(sql("roles.get_current")))
    if not await connection.fetchval(sql("roles.exists"), role):
        quoted = await connection.fetchval(sql("roles.quote_name"), role)
        raise StoreError(
            f"database.{key} connects as {role}, but this role does not exist: "
            f"run CREATE ROLE {quoted} LOGIN PASSWORD '...', then `calscim migrate` again"
        )
    return role


def user_of(dsn: str) -> str | None:
    """Return the user in a DSN; None if the DSN names no user."""
    parts = urlsplit(dsn)
    in_query = parse_qs(parts.query).get("user")
    if in_query:
        return in_query[0]
    name, at, _ = parts.netloc.rpartition("@")
    return unquote(name.partition(":")[0]) or None if at else None


async def _bring_up(command: Command, connection: Connection, roles: Roles) -> None:
    dry = command.arguments.dry_run
    found = await (
        migrations.pending(connection)
        if dry
        else migrations.migrate(connection, roles.serving, roles.operator)
    )
    version = await migrations.current(connection)
    value = {
        "version": version,
        "latest": migrations.latest(),
        "dry_run": dry,
        "migrations": [{"version": one.version, "name": one.name} for one in found],
        "serving_role": roles.serving,
        "operator_role": roles.operator,
    }
    if found:
        done = "to be applied" if dry else "applied"
        shown: RenderableType = table(
            ("migration", "name", "state"),
            ((f"{one.version:04}", one.name, done) for one in found),
        )
    else:
        shown = lines(f"the schema is up to date (version {version})")
    owner = await connection.fetchval(sql("roles.get_current"))
    command.output.data(value, shown if dry else Group(shown, lines(), _explained(owner, roles)))


def _explained(owner: str, roles: Roles) -> RenderableType:
    """Return a table of the rights of each role."""
    if owner == roles.serving:
        return table(("role", "used for", "may"), [(owner, "everything", "everything")])
    edits = "edit directories, tokens, mappings, pauses and holds"
    serves = "answer SCIM and reconcile; append to the journal, never change it"
    rows = [(owner, "migrate, journal archive, erase", "own the tables")]
    if roles.operator is None:
        rows.append((roles.serving, "the daemon and all other verbs", f"{serves}; {edits}"))
    else:
        rows.append((roles.serving, "the daemon, rebuild", serves))
        rows.append((roles.operator, "all other verbs", f"{edits}; read everything"))
    return table(("role", "used for", "may"), rows)


async def _warn_of_one_role(command: Command, connection: Connection, role: str) -> None:
    everything = await connection.fetchval(sql("roles.is_superuser"), role)
    power = "a superuser" if everything else "the owner"
    command.output.warn(
        f"{role} owns the tables and also serves. Its rights to change the journal were revoked and triggers "
        f"refuse changes, but {power} can undo both. A second role is safer: create a role that only serves, set "
        "database.dsn to it and database.migration_dsn to the owner, then run `calscim migrate` again."
    )
