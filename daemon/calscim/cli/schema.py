"""calscim migrate: the database's schema, and who may do what in it."""

from urllib.parse import parse_qs, unquote, urlsplit

from calscim.cli.call import Call, Verbs
from calscim.cli.database import connected
from calscim.cli.output import table
from calscim.errors import StoreError
from calscim.settings import Settings
from calscim.store import embedded, migrate
from calscim.store.pool import Connection
from calscim.store.sql import sql


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "migrate",
        _migrate,
        "bring the database's schema up to date",
        details="Uses database.migration_dsn, else database.dsn; each migration is one transaction.",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be applied, and stop"
    )


async def _migrate(call: Call) -> None:
    database = call.settings().database
    if database.embedded is not None:
        async with (
            await embedded.start(database.embedded) as running,
            connected(running.owner_dsn, "database.embedded") as connection,
        ):
            await _bring_up(call, connection, embedded.SERVING_ROLE)
    elif database.migration_dsn is not None:
        async with connected(database.migration_dsn, "database.migration_dsn") as connection:
            await _bring_up(call, connection, await _serving_role(call.settings(), connection))
    else:
        assert database.dsn is not None, "settings have one or the other"
        async with connected(database.dsn, "database.dsn") as connection:
            role = await connection.fetchval(sql("roles.current"))
            await _bring_up(call, connection, role)
            await _warn_of_one_role(call, connection, role)


async def _serving_role(settings: Settings, connection: Connection) -> str:
    """The role of database.dsn. StoreError, with the statement to run, when the server has none such."""
    dsn = settings.database.dsn
    assert dsn is not None, "migration_dsn is refused without dsn"
    role = user_of(dsn)
    if role is None:  # left to the system: the server knows
        async with connected(dsn, "database.dsn") as serving:
            return str(await serving.fetchval(sql("roles.current")))
    if not await connection.fetchval(sql("roles.known"), role):
        quoted = await connection.fetchval(sql("roles.quoted"), role)
        raise StoreError(
            f"there is no role {role}, as which database.dsn connects: "
            f"run CREATE ROLE {quoted} LOGIN PASSWORD '...', then `calscim migrate` again"
        )
    return role


def user_of(dsn: str) -> str | None:
    """The user in a DSN; None where it is left to the system."""
    parts = urlsplit(dsn)
    in_query = parse_qs(parts.query).get("user")
    if in_query:
        return in_query[0]
    name, at, _ = parts.netloc.rpartition("@")
    return unquote(name.partition(":")[0]) or None if at else None


async def _bring_up(call: Call, connection: Connection, role: str) -> None:
    dry = call.arguments.dry_run
    found = await (migrate.pending(connection) if dry else migrate.migrate(connection, role))
    version = await migrate.current(connection)
    value = {
        "version": version,
        "latest": migrate.latest(),
        "dry_run": dry,
        "migrations": [{"version": one.version, "name": one.name} for one in found],
        "serving_role": role,
    }
    if found:
        done = "to be applied" if dry else "applied"
        shown = table(
            ("migration", "name", "state"),
            ((f"{one.version:04}", one.name, done) for one in found),
        )
        call.output.data(value, shown)
    else:
        call.output.data(value, f"the schema is up to date (version {version})")


async def _warn_of_one_role(call: Call, connection: Connection, role: str) -> None:
    everything = await connection.fetchval(sql("roles.almighty"), role)
    power = "a superuser that" if everything else "the owner, which"
    call.output.warn(
        f"{role} owns the tables and serves as well: its rights to change the journal were taken away "
        f"and triggers refuse, but {power} can undo both. A second role is safer: create one that only "
        "serves, set database.dsn to it and database.migration_dsn to the owner, then migrate again."
    )
