"""How a verb comes to a database: the configured one, or the bundled one for as long as it is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from calscim.config import Settings
from calscim.encryption import Cipher
from calscim.errors import StoreError, StoreUnavailable
from calscim.postgres import embedded, migrations
from calscim.postgres.hosts import hosts
from calscim.postgres.outages import AccessDenied
from calscim.postgres.pool import Database

_OPERATORS = "Where operators have a role of their own, set database.operator_dsn to it"
_PATIENCE = 10.0  # seconds: a person waits longer than an identity provider


@asynccontextmanager
async def opened(
    settings: Settings, *, owner: bool = False, serving: bool = False, size: int = 3
) -> AsyncIterator[Database]:
    """A database whose schema is this release's. StoreError, with what to run, when it is not.

    As the operators' role, by database.operator_dsn, else as the serving role. ``owner``: as the owner of the
    tables, by database.migration_dsn where there is one. ``serving``: to write what identity providers write.
    """
    database, cipher = settings.database, settings.journal.cipher()
    if database.embedded is None:
        operator = None if owner or serving else database.operator_dsn
        dsn = (owner and database.migration_dsn) or operator or database.dsn
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
async def _opened(dsn: str, size: int, cipher: Cipher) -> AsyncIterator[Database]:
    async with await Database.open(dsn, size=size, patience=_PATIENCE, cipher=cipher) as db:
        async with refusals(), db.connection() as connection:
            await migrations.check(connection)
        async with refusals():
            yield db


async def refuse_ahead(db: Database) -> None:
    """For what writes whole tables: StoreError where a newer release may have more in them."""
    async with db.connection() as connection:
        await migrations.pending(connection)


@asynccontextmanager
async def refusals() -> AsyncIterator[None]:
    """What Postgres refuses, as StoreError with what to look at."""
    try:
        yield
    except AccessDenied as error:
        raise AccessDenied(f"{error}. {_OPERATORS}") from error
    except StoreError:  # says what to do already
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
    """A single connection, for what a pool is of no use for. ``key``: where the DSN stands."""
    async with refusals():
        try:
            connection = await hosts(dsn).connect(timeout=_PATIENCE)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError) as error:
            raise StoreUnavailable(
                f"the database cannot be reached ({str(error) or 'no answer'}): "
                f"see that Postgres runs and that {key} names it"
            ) from error
        except (asyncpg.InterfaceError, ValueError) as error:  # the DSN is none, by asyncpg's rules
            raise StoreError(f"{key} cannot be used: {error}") from error
        try:
            yield connection
        finally:
            await connection.close(timeout=5)
