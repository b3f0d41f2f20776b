"""The privileges of the Postgres roles: the owner, the serving role, and the operators' role.

- The owner creates the schema, archives and erases. `calscim migrate`, `journal archive` and `erase` use it.
- The serving role belongs to the daemon, which answers SCIM and reconciles. Beside an operators' role it cannot create
  directories, tokens or mappings, end pauses, or approve; columns that it does not write are not granted.
- The operators' role belongs to the command line: it edits directories, tokens, mappings, pauses and holds, and reads
  everything. It cannot write data from an identity provider or from Cal.com.

Without an operators' role the serving role has the privileges of both. A table in no list is granted to the serving
role in full, so that a release with a new table works; a test requires an entry.

No role executes a maintenance function except ``journal_create_partitions``, which creates at most 36 empty partitions
of coming months with the owner's privileges: the daemon calls it because it cannot create tables.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import asyncpg

# Functions for the owner, and trigger functions.
MAINTENANCE = (
    "journal_drop_partition",
    "journal_erase",
    "journal_erasure_covers",
    "journal_check_change",
    "journal_require_owner",
    "journal_create_partition",
    "journal_reject_change",
    "journal_copy_privileges",
    "journal_move_default_rows",
    "holds_check_approver",
    "quote_role_name",
)
_ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
_READ = ("SELECT",)
_NONE: tuple[str, ...] = ()
# Columns in parentheses restrict a privilege.
_UPSERT = ("SELECT", "INSERT", "UPDATE")

SERVING: Mapping[str, tuple[str, ...]] = {
    "actions": _UPSERT,
    "applied_attributes": _ALL,
    "rate_budgets": _UPSERT,
    "build_traits": _UPSERT,
    "journal_offsets": _UPSERT,
    "conditions": _ALL,
    "console_sessions": _NONE,
    "console_sign_ins": _NONE,
    "daemons": _ALL,
    "directories": ("SELECT", "UPDATE (throttled_count, throttled_at)"),
    "event_deliveries": _UPSERT,
    "event_head": _UPSERT,
    "event_offsets": _UPSERT,
    "events": ("SELECT", "INSERT", "DELETE"),
    "former_accounts": _ALL,
    "former_members": _ALL,
    "groups": _ALL,
    "journal_heads": _UPSERT,
    "holds": (
        "SELECT",
        "INSERT (organization, hash, guard, actions)",
        # The trigger holds_check_approver lets this role only clear approved_at.
        "UPDATE (guard, actions, first_seen, last_seen, approved_at, released_at, is_current, announced_at)",
    ),
    "database_identity": _UPSERT,
    "journal": ("SELECT", "INSERT"),
    "journal_archives": _READ,
    "leases": _UPSERT,
    "ledger": _ALL,
    "account_links": _ALL,
    "created_teams": _UPSERT,
    # Mappings to a pending team are bound to the team once it exists.
    "log_level": _READ,
    "mappings": (
        "SELECT",
        "UPDATE (group_id, group_name, former_names, team_id, team_name, removed_at, removed_seq)",
    ),
    "members": ("SELECT", "INSERT", "DELETE"),
    "notifications": _ALL,
    "org_role_grants": _ALL,
    "opening_balances": _READ,
    "parked_actions": _ALL,
    "reconcile_passes": _ALL,
    # On a restored copy the daemon pauses every directory. It cannot end a pause.
    "pauses": ("SELECT", "INSERT (scope, target, until, reason)", "UPDATE (until, reason)"),
    "sync_requests": ("SELECT", "UPDATE (started_at, finished_at, pass_id, detail)"),
    "schema_version": _READ,
    "lease_candidates": _ALL,
    "drift_observations": _ALL,
    "token_uses": _UPSERT,
    "tokens": _READ,
    "tombstones": ("SELECT", "INSERT", "DELETE"),
    "user_emails": ("SELECT", "INSERT", "DELETE"),
    "users": _ALL,
}

OPERATORS: Mapping[str, tuple[str, ...]] = {
    "console_sessions": _ALL,
    "console_sign_ins": _ALL,
    "directories": _UPSERT,
    "journal_heads": _UPSERT,
    "holds": _UPSERT,
    "journal": ("SELECT", "INSERT"),
    "ledger": ("SELECT", "UPDATE (origin)"),
    "log_level": _ALL,
    "mappings": _UPSERT,
    "parked_actions": ("SELECT", "UPDATE (next_try, refused, unanswered)"),
    "pauses": _ALL,
    "sync_requests": ("SELECT", "INSERT"),
    "tokens": _UPSERT,
}
_BOTH = {
    "opening_balances": _READ,
    "schema_version": _READ,
    "journal": ("SELECT", "INSERT"),
    "journal_archives": ("SELECT", "INSERT"),  # a trigger accepts rows of the owner only
}


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles that get privileges. ``operator`` None: the serving role has both parts."""

    serving: str
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A privilege on a table, or on some of its columns."""

    table: str
    privilege: str
    columns: tuple[str, ...] = field(default=())


def of_serving() -> Iterator[Grant]:
    """Yield the privileges that the daemon needs."""
    for table, privileges in SERVING.items():
        for text in privileges:
            privilege, _, columns = text.partition(" (")
            names = tuple(columns.rstrip(")").split(", ")) if columns else ()
            yield Grant(table, privilege, names)


async def grant(connection: asyncpg.Connection, roles: Roles) -> None:
    """Set the privileges of both roles, in the caller's transaction, and revoke all others."""
    tables = await _tables(connection)
    if roles.operator is None:
        both = {table: _BOTH.get(table, _ALL) for table in tables}
        await _give(connection, roles.serving, _with_partitions(both, tables), sequences=True)
        await _close_maintenance(connection, roles.serving)
        return
    serving = {table: SERVING.get(table, _ALL) for table in tables}
    operators = {table: OPERATORS.get(table, _READ) for table in tables}
    await _give(connection, roles.serving, _with_partitions(serving, tables), sequences=False)
    await _give(connection, roles.operator, _with_partitions(operators, tables), sequences=True)
    for role in (roles.serving, roles.operator):
        await _close_maintenance(connection, role)


async def _tables(connection: asyncpg.Connection) -> dict[str, str]:
    """Return every table with its parent, or with itself if it is no partition."""
    rows = await connection.fetch(
        "SELECT c.relname AS name, coalesce(p.relname, c.relname) AS of FROM pg_class c "
        "LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent "
        "WHERE c.relnamespace = 'calscim'::regnamespace AND c.relkind IN ('r', 'p')"
    )
    return {row["name"]: row["of"] for row in rows}


def _with_partitions(
    granted: Mapping[str, tuple[str, ...]], tables: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Give every partition the privileges of its table."""
    return {table: granted[whole] for table, whole in tables.items()}


async def _give(
    connection: asyncpg.Connection,
    role: str,
    granted: Mapping[str, tuple[str, ...]],
    *,
    sequences: bool,
) -> None:
    name = await connection.fetchval("SELECT quote_ident($1)", role)
    statements = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA calscim FROM {name}",  # also column privileges
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA calscim FROM {name}",
        f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA calscim FROM {name}",
        f"GRANT USAGE ON SCHEMA calscim TO {name}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA calscim TO {name}",
        *(
            f"GRANT {', '.join(privileges)} ON calscim.{_quoted(table)} TO {name}"
            for table, privileges in sorted(granted.items())
            if privileges
        ),
    ]
    if sequences:  # for nextval(); identity columns need no privilege
        statements.append(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA calscim TO {name}")
    await connection.execute(";\n".join(statements))


async def _close_maintenance(connection: asyncpg.Connection, role: str) -> None:
    name = await connection.fetchval("SELECT quote_ident($1)", role)
    for row in await connection.fetch(
        "SELECT oid::regprocedure::text AS signature FROM pg_proc "
        "WHERE pronamespace = 'calscim'::regnamespace AND proname = ANY ($1::text[])",
        MAINTENANCE,
    ):
        await connection.execute(f"REVOKE ALL ON FUNCTION {row['signature']} FROM {name}, PUBLIC")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def revoke_temp(connection: asyncpg.Connection) -> bool:
    """Let only the owner create temporary tables. Return False if the privilege was left as it is.

    PUBLIC has the privilege by default, and keeps it if the database belongs to another role or has tables of another
    application, which may need it.
    """
    alone = await connection.fetchval(
        "SELECT pg_has_role(d.datdba, 'USAGE') AND NOT EXISTS (SELECT FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'calscim' "
        "AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%') "
        "FROM pg_database d WHERE d.datname = current_database()"
    )
    if alone:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
    return bool(alone)
