"""calscim migrate: bring the database's schema up to date, and set the rights of its roles."""

import asyncio

from rich.console import Group, RenderableType

from calscim.admin.migration import (
    MigrationResult,
    configured_roles,
    migrate_database,
    one_role_warning,
    role_rights,
)
from calscim.cli.command import Command
from calscim.cli.database import connected
from calscim.cli.output import lines, table
from calscim.cli.verbs import Verbs
from calscim.postgres import embedded
from calscim.postgres.grants import Roles
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
    try:
        await _migrated(command)
    except asyncio.CancelledError:  # SIGTERM or Ctrl-C
        command.output.say(
            "calscim: stopped before it was done. Each migration is one transaction, so none is half applied: "
            "run `calscim migrate` again"
        )
        raise


async def _migrated(command: Command) -> None:
    database, dry_run = command.settings().database, command.arguments.dry_run
    warning = ""
    if database.embedded is not None:
        async with (
            await embedded.start(database.embedded) as running,
            connected(running.owner_dsn, "database.embedded") as connection,
        ):
            found = await migrate_database(
                connection, Roles(embedded.SERVING_ROLE), dry_run=dry_run
            )
    elif (owner := database.owner_dsn()) is not None:
        async with connected(owner, "database.migration_dsn") as connection:
            roles = await configured_roles(database, connection, connected)
            found = await migrate_database(connection, roles, dry_run=dry_run)
    else:
        assert database.dsn is not None, "settings have one or the other"
        async with connected(database.dsn, "database.dsn") as connection:
            role = await connection.fetchval(sql("roles.get_current"))
            found = await migrate_database(connection, Roles(role), dry_run=dry_run)
            if not dry_run:
                warning = await one_role_warning(connection, role)
    command.output.data(found, _shown(found))
    if warning:
        command.output.warn(warning)


def _shown(found: MigrationResult) -> RenderableType:
    """Return the migrations, and the rights of the roles if they were set."""
    state = "to be applied" if found.dry_run else "applied"
    shown: RenderableType = lines(f"the schema is up to date (version {found.version})")
    if found.migrations:
        rows = ((f"{step.version:04}", step.name, state) for step in found.migrations)
        shown = table(("migration", "name", "state"), rows)
    if found.dry_run:
        return shown
    rights = ((one.role, one.used_for, one.may) for one in role_rights(found))
    return Group(shown, lines(), table(("role", "used for", "may"), rights))
