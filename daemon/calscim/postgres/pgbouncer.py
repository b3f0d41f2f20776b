"""Connections through a pooler (PgBouncer in transaction mode), which lends a server for one transaction at a time.

There whatever belongs to a session is lost, or worse, is found by somebody else: prepared statements, settings,
LISTEN, locks of a session. Nothing of it is left behind on such a connection.
"""

from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# What a server says that somebody else prepared statements on.
CONFUSED = (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError)


class Pooled(asyncpg.Connection):
    """One that goes through a pooler."""


# Without a cache a statement has no name, and asyncpg ends no message with Sync between parsing and executing it:
# both are on one server.
OPTIONS: dict[str, Any] = {"connection_class": Pooled, "statement_cache_size": 0}


def goes_through(connection: Connection) -> bool:
    """Whether a connection was found to go through a pooler."""
    return issubclass(type(connection), Pooled)  # isinstance is true of every connection


async def set_up(connection: Connection, settings: dict[str, str], timeout: float) -> bool:
    """Give the session its settings, in one round trip. False, and nothing set, where there is a pooler.

    By statement: PgBouncer refuses a start-up packet with parameters it does not know. Poolers make up the process
    that a client is told of for cancelling (BackendKeyData), which is what gives them away.
    """
    calls = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in settings.items())
    process = connection.get_server_pid()
    status = await connection.execute(
        f"SELECT {calls} WHERE pg_backend_pid() = {process}", timeout=timeout
    )
    return status == "SELECT 1"
