"""What goes wrong between the daemon and Postgres: which errors of asyncpg mean that the database cannot be used."""

import asyncpg

from calscim.errors import StoreUnavailable
from calscim.postgres.hosts import Connection

# What the server says when it is going, coming, full, stopped in the middle, or a standby that cannot write.
AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
    TimeoutError,
)
# A connection could not be had at all: then it does not matter what the reason is.
NO_CONNECTION = (
    *AWAY,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
NO_ROOM = (asyncpg.DiskFullError, asyncpg.PostgresIOError)
RAISE = "exec_stmt_raise"  # where in Postgres an error of PL/pgSQL's RAISE comes from


class ConnectionLost(StoreUnavailable):
    """The connection ended under way: what was asked last may have been done, or not."""


class Crowded(StoreUnavailable):
    """A directory asks for more of the database than its share: ``reason`` is searches or connections."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class AccessDenied(StoreUnavailable, asyncpg.InsufficientPrivilegeError):
    """The role lacks a right: an outage, which ends once `calscim migrate` has granted it.

    What a trigger refuses, such as a change of the journal, is a mistake of the statement and none of these.
    """


def ended(connection: Connection, error: BaseException) -> bool:
    """Whether the connection is of no use any more; it is cut if it is still there."""
    try:
        if (
            isinstance(error, asyncpg.InternalClientError)  # asyncpg met last words in between
            or getattr(error, "severity_en", None) in ("FATAL", "PANIC")
        ):
            connection.terminate()
            return True
        return connection.is_closed()
    except asyncpg.InterfaceError:  # it was cut, and taken out of the pool
        return True


def unavailable(error: BaseException) -> StoreUnavailable:
    reason = str(error) or "it did not answer in time"
    return StoreUnavailable(
        f"the database is not available ({type(error).__name__}: {reason}); "
        "see that Postgres runs, accepts writes and that database.dsn names it"
    )
