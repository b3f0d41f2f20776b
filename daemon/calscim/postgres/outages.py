"""The errors of asyncpg that mean that the database cannot be used."""

import asyncpg

from calscim.errors import StoreError, StoreUnavailable
from calscim.postgres.hosts import Connection

# Errors of a server that starts, stops, is full, was interrupted, or is a standby.
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
# Errors without a connection, whatever the reason.
NO_CONNECTION = (
    *AWAY,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
# Whatever the use of a Database can raise.
STORE_ERRORS = (StoreError, asyncpg.PostgresError, asyncpg.InterfaceError)
NO_ROOM = (asyncpg.DiskFullError, asyncpg.PostgresIOError)
RAISE = "exec_stmt_raise"  # the function of Postgres behind PL/pgSQL's RAISE


class ConnectionLost(StoreUnavailable):
    """The connection was lost: the outcome of the last statement is unknown."""


class Crowded(StoreUnavailable):
    """A directory exceeds its share of the database. ``reason``: searches or connections."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class AccessDenied(StoreUnavailable, asyncpg.InsufficientPrivilegeError):
    """The role lacks a privilege: an outage until `calscim migrate` grants it.

    A refusal by a trigger, such as a change of the journal, is an error of the statement and not an outage.
    """


def ended(connection: Connection, error: BaseException) -> bool:
    """Return True if the error ended the connection, and cut the connection."""
    try:
        if (
            isinstance(
                error, asyncpg.InternalClientError
            )  # asyncpg received an error in the middle of an exchange
            or getattr(error, "severity_en", None) in ("FATAL", "PANIC")
        ):
            connection.terminate()
            return True
        return connection.is_closed()
    except asyncpg.InterfaceError:  # it was cut and left the pool
        return True


def unavailable(error: BaseException) -> StoreUnavailable:
    reason = str(error) or "it did not answer in time"
    return StoreUnavailable(
        f"the database is not available ({type(error).__name__}: {reason}); "
        "check that Postgres runs and accepts writes, and that database.dsn names it"
    )
