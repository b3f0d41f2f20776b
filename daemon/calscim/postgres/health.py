"""Tests whether the database accepts changes. A full or read-only database still answers reads.

Readiness, `calscim check` and `calscim status` report a reason for the next push to fail before the push, with what to
do. The test leaves nothing behind and costs two to three milliseconds, as probes run every few seconds for years:

- A row that is written and rolled back stays in its table and indexes until VACUUM, and on a full disk the write
  succeeds if the page has room (tried on a full tmpfs). Therefore ``refusal`` writes no row. It takes a transaction
  number, which a standby refuses, and a server that protects itself against wraparound; it reads the role's privileges
  from the catalogs; and it makes Postgres spill 110 kB into a temporary file, which fails first on a full or read-only
  disk. The file is deleted with the query. Source: PostgreSQL manual, "Resource Consumption" (work_mem).
- A tablespace of the tables may be full while temporary files have room. A push then fails, and ``Database.refused``
  remembers the refusal for a while.
- ``refused_write`` writes a journal row and rolls it back, for `calscim check`, which operators run rarely.
"""

import re
from functools import cache

import asyncpg

from calscim.postgres import grants
from calscim.postgres.pool import Connection, begun
from calscim.postgres.queries import schema, sql

SHOWN = 5  # missing privileges that are named

# Errors of Postgres for changes that are correct.
_REFUSALS = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ProgramLimitExceededError,  # no transaction number is left before VACUUM
    asyncpg.ReadOnlySQLTransactionError,
)


async def refusal(connection: Connection) -> str | None:
    """Return why the database would refuse changes, with what to do, or None if it accepts them.

    Writes no row. The schema must be that of this release or a later one.
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
    """Return why a journal row cannot be written, or None. Rolls the row back; for rare use."""
    try:
        async with begun(connection):
            await connection.execute(sql("health.append_test_row"))
    except asyncpg.PostgresError as error:
        return explained(error)
    return None


def explained(error: asyncpg.PostgresError) -> str:
    """Return the message of an error of Postgres, with what to do."""
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
    """Return the tables, privileges and columns that the daemon needs, as three lists. Column "": the whole table."""
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
    """Return the functions of this release. A newer one may not have granted privileges on its functions yet."""
    known = set(re.findall(r"^CREATE FUNCTION calscim\.(\w+)", schema(), re.MULTILINE))
    return sorted(known - set(grants.MAINTENANCE))
