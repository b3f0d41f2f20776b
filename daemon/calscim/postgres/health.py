"""Whether the database takes changes: it may be full, read-only, or lack rights, and answer every read all the same.

The rule for readiness, `calscim check` and `calscim status`: what would make the next push fail is found before
the push, and named together with what to do. Looking leaves nothing behind and costs two to three milliseconds, as
probes come every few seconds for years:

- A row that is written and rolled back stays in its table and in its indexes until VACUUM, and on a full disk it
  succeeds as long as its page has room (tried on a full tmpfs). Therefore ``refusal`` writes no row. It takes a
  transaction number, which a server refuses that is a standby or that protects itself against wraparound; it asks
  the catalogs for the role's rights; and it has Postgres spill 110 kB into a temporary file, which is what a disk
  without room, or one that was remounted read-only, refuses first. The file is gone with the query. Source:
  PostgreSQL manual, "Resource Consumption" (work_mem).
- Tables in a tablespace of their own may be full while there is room for temporary files. That shows when a push is
  refused, and ``Database.refused`` remembers it for a while.
- ``refused_write`` writes a journal row and rolls it back: for `calscim check`, which people run now and then.
"""

import re
from functools import cache

import asyncpg

from calscim.postgres import grants
from calscim.postgres.pool import Connection, begun
from calscim.postgres.queries import schema, sql

SHOWN = 5  # missing rights that are named

# What Postgres refuses a change with although the change is right.
_REFUSALS = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ProgramLimitExceededError,  # no transaction number is left before VACUUM
    asyncpg.ReadOnlySQLTransactionError,
)


async def refusal(connection: Connection) -> str | None:
    """Return why the database would refuse changes, with what to do about it; None: it takes them.

    Writes no row. The schema has to be this release's, or a later one.
    """
    try:
        async with begun(connection):
            if (reason := await _read_only(connection)) is not None:
                return reason
            if (reason := await _missing_rights(connection)) is not None:
                return reason
            await connection.execute(sql("health.limit_work_mem"))
            await connection.fetchval(sql("health.spill"))
    except _REFUSALS as error:
        return explained(error)
    return None


async def refused_write(connection: Connection) -> str | None:
    """Return why a journal row cannot be written, or None. The row is rolled back: for rare use."""
    try:
        async with begun(connection):
            await connection.execute(sql("health.append_test_row"))
    except asyncpg.PostgresError as error:
        return explained(error)
    return None


def explained(error: asyncpg.PostgresError) -> str:
    """A refusal of Postgres, with what to do about it."""
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return f"{error}: `calscim migrate` gives the serving role its rights"
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return f"the database is read-only ({error}): let it take writes, or correct database.dsn"
    if isinstance(error, asyncpg.InsufficientResourcesError):
        return f"the database has no room ({error}): make room on its disk"
    return f"the database refuses changes ({error}): see Postgres's log"


async def _read_only(connection: Connection) -> str | None:
    row = await connection.fetchrow(sql("health.get_write_state"))
    assert row is not None
    if row["standby"]:
        return "the database is read-only, a standby: let database.dsn name the primary"
    if row["read_only"]:
        return (
            "the database is read-only (default_transaction_read_only is on): "
            "let it take writes, or correct database.dsn"
        )
    return None


async def _missing_rights(connection: Connection) -> str | None:
    tables, privileges, columns = _needed()
    rows = await connection.fetch(
        sql("health.list_missing_privileges"), tables, _functions(), privileges, columns
    )
    if not rows:
        return None
    shown = "; ".join(row["what"] for row in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"the role lacks {shown}{more}: `calscim migrate` gives the serving role its rights"


@cache
def _needed() -> tuple[list[str], list[str], list[str]]:
    """What the daemon needs: tables, privileges and columns, "" for all columns, side by side."""
    needed = [
        (grant.table, grant.privilege, column)
        for grant in grants.of_serving()
        for column in grant.columns or ("",)
    ]
    return (
        [table for table, _, _ in needed],
        [privilege for _, privilege, _ in needed],
        [column for _, _, column in needed],
    )


@cache
def _functions() -> list[str]:
    """What this release calls. A newer one may be about to grant rights to what it has added."""
    known = set(re.findall(r"^CREATE FUNCTION calscim\.(\w+)", schema(), re.MULTILINE))
    return sorted(known - set(grants.MAINTENANCE))
