"""Open the database for a verb: the configured one, or the bundled one for as long as the verb needs it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import asyncpg

from calscim.config import Settings
from calscim.encryption import Cipher
from calscim.errors import StoreError, StoreUnavailable
from calscim.postgres import embedded, migrations
from calscim.postgres.hosts import hosts
from calscim.postgres.outages import AccessDenied
from calscim.postgres.pool import Database

_OPERATORS = "If operators have their own role, set database.operator_dsn to it"
_PATIENCE = 10.0  # seconds; an operator waits longer than an identity provider


@asynccontextmanager
async def opened(
    settings: Settings, *, owner: bool = False, serving: bool = False, size: int = 3
) -> AsyncIterator[Database]:
    """Open a database with this release's schema. Raise StoreError, with the command to run, if it has another schema.

    Connects with database.operator_dsn, else as the serving role. ``owner``: connect as the owner of the tables, with
    database.migration_dsn if it is set. ``serving``: connect as the serving role.
    """
    database, cipher = settings.database, settings.journal.cipher()
    if database.embedded is None:
        operator = None if owner or serving else database.operator_dsn
        dsn = (database.owner_dsn() if owner else None) or operator or database.dsn
        assert dsn is not None, "settings have one or the other"
        async with _opened(dsn, size, cipher) as db:
            yield db
        return
    async with await embedded.start(database.embedded) as running:
        async with connected(running.owner_dsn, "database.embedded") as connection:
            await migrations.ensure(connection, embedded.SERVING_ROLE)
        dsn = running.owner_dsn if owner else running.serving_dsn
        async with _opened(dsn, size, cipher) as db:
            yield db


@asynccontextmanager
async def opened_or_none(settings: Settings) -> AsyncIterator[Database | None]:
    """Open a database as ``opened`` does, or yield None if it cannot be used, for a verb that reports why by itself."""
    async with AsyncExitStack() as stack:
        db = None
        with suppress(StoreError):
            db = await stack.enter_async_context(opened(settings))
        yield db


@asynccontextmanager
async def _opened(dsn: str, size: int, cipher: Cipher) -> AsyncIterator[Database]:
    async with await Database.open(dsn, size=size, patience=_PATIENCE, cipher=cipher) as db:
        async with refusals(), db.connection() as connection:
            await migrations.check(connection)
        async with refusals():
            yield db


async def refuse_ahead(db: Database) -> None:
    """Raise StoreError if a newer release has changed the schema. For verbs that write whole tables."""
    async with db.connection() as connection:
        await migrations.pending(connection)


@asynccontextmanager
async def refusals() -> AsyncIterator[None]:
    """Turn errors of Postgres into StoreError with the next step."""
    try:
        yield
    except AccessDenied as error:
        raise AccessDenied(f"{error}. {_OPERATORS}") from error
    except StoreError:  # already says what to do
        raise
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise StoreError(f"{error}: correct the user and password in database.dsn") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise StoreError(f"{error}: create it, or correct its name in database.dsn") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreError(
            f"{error}: `calscim migrate` gives each role its rights. {_OPERATORS}"
        ) from error
    except asyncpg.PostgresError as error:
        raise StoreError(f"the database refused: {error}") from error


@asynccontextmanager
async def connected(dsn: str, key: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Open a single connection. ``key``: the setting that the DSN comes from."""
    async with refusals():
        try:
            connection = await hosts(dsn).connect(timeout=_PATIENCE)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError) as error:
            raise StoreUnavailable(
                f"the database cannot be reached ({str(error) or 'no answer'}): "
                f"check that Postgres runs and that {key} names it"
            ) from error
        except (asyncpg.InterfaceError, ValueError) as error:  # asyncpg cannot parse the DSN
            raise StoreError(f"{key} cannot be used: {error}") from error
        try:
            yield connection
        finally:
            await connection.close(timeout=5)
