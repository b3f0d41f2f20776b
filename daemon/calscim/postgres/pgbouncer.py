"""Connections through PgBouncer in transaction mode, which assigns a server to one transaction at a time.

State of a session is lost, or leaks to another client: prepared statements, settings, LISTEN, session locks. Such
connections use none of it.
"""

from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Errors of a server on which another client prepared statements.
CONFUSED = (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError)


class Pooled(asyncpg.Connection):
    """A connection through PgBouncer."""


# Without a cache a statement has no name, and asyncpg sends no Sync between parsing and executing it:
# both run on one server.
OPTIONS: dict[str, Any] = {"connection_class": Pooled, "statement_cache_size": 0}


def goes_through(connection: Connection) -> bool:
    """Return True if the connection goes through PgBouncer."""
    return issubclass(type(connection), Pooled)  # isinstance is true of every connection


async def set_up(connection: Connection, settings: dict[str, str], timeout: float) -> bool:
    """Set the session's settings in one round trip. Return False, without settings, behind PgBouncer.

    Uses a statement, as PgBouncer refuses start-up packets with unknown parameters. PgBouncer invents the process id in
    BackendKeyData, which reveals it.
    """
    calls = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in settings.items())
    process = connection.get_server_pid()
    status = await connection.execute(
        f"SELECT {calls} WHERE pg_backend_pid() = {process}", timeout=timeout
    )
    return status == "SELECT 1"
