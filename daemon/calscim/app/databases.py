"""The daemon's connections to Postgres: one pool for SCIM requests, one for passes and everything else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg
import structlog

from calscim.app.database_watch import DatabaseWatch
from calscim.app.embedded_watchdog import forget_killed_users
from calscim.clock import Clock
from calscim.config import Settings
from calscim.errors import StoreError, StoreUnavailable
from calscim.postgres import embedded, health, migrations
from calscim.postgres.outages import AccessDenied
from calscim.postgres.pool import SEARCH, Database
from calscim.reconciler.controller import PASSES
from calscim.tracing import Tracing

log = structlog.get_logger()

# Connections for passes: one for each pass that works, and for leases, the listener and checkpoints.
PASS_CONNECTIONS = PASSES + 2
# Seconds that a SCIM request may wait for the database, and then for a new connection, to find out whether the change
# was made whose connection was lost: the server answers 503 within two seconds.
REQUEST_TIMEOUT, REQUEST_CONNECT_TIMEOUT = 1.1, 0.8
# Seconds that a statement of a pass may take, including the wait for a connection; and for a new connection.
PASS_TIMEOUT, PASS_CONNECT_TIMEOUT = 20.0, 1.5
READINESS_TIMEOUT = 1.5  # seconds


@dataclass(frozen=True, slots=True)
class Databases:
    """The daemon's connections to Postgres.

    ``dsn``: the serving role's. ``bundled``: the Postgres that this daemon started, if it did.

    ``version``: of Postgres at the start; None if it was unreachable.
    """

    dsn: str
    requests: Database
    passes: Database
    bundled: embedded.Embedded | None
    watch: DatabaseWatch
    version: str | None = None

    async def unready(self) -> str | None:
        """Return why SCIM cannot be answered at the moment, or None if it can."""
        try:
            async with (
                self.requests.connection() as connection,
                asyncio.timeout(READINESS_TIMEOUT),
            ):
                await migrations.check(connection)
                refusal = await health.refusal(connection)
        except (StoreError, TimeoutError) as error:
            return str(error) or "the database does not answer"
        return refusal or self.requests.refused or self.passes.refused

    async def out_of_use(self) -> str | None:
        """Return why the database is of no use, or None.

        After a full disk refused a statement, this writes a test row, so that the end is noticed at once.
        """
        reason = await self.unready()
        pools = (self.requests, self.passes)
        if not any(pool.has_been_refused for pool in pools):
            return reason
        try:
            async with self.requests.connection() as connection:
                reason = await health.refused_write(connection)
        except StoreError as error:
            return str(error)
        if reason is None:
            for pool in pools:
                pool.forget_refusal()
        return reason


async def open_databases(
    stack: AsyncExitStack, settings: Settings, clock: Clock, tracing: Tracing | None
) -> Databases:
    """Open both pools until the stack ends. Raise StoreError for a schema that this release does not work with."""
    cipher = settings.journal.cipher()
    dsn, bundled = await stack.enter_async_context(_server(settings))
    watch = DatabaseWatch(dsn, clock)
    requests = await stack.enter_async_context(
        await Database.open(
            dsn,
            size=settings.database.pool_size,
            connecting=REQUEST_CONNECT_TIMEOUT,
            within=REQUEST_TIMEOUT,
            longest=SEARCH,
            cipher=cipher,
            on_failure=watch.suspect,
            tracing=tracing,
        )
    )
    passes = await stack.enter_async_context(
        await Database.open(
            dsn,
            size=PASS_CONNECTIONS,
            patience=PASS_TIMEOUT,
            connecting=PASS_CONNECT_TIMEOUT,
            within=PASS_TIMEOUT,
            cipher=cipher,
            on_failure=watch.suspect,
            tracing=tracing,
        )
    )
    version = await _check_schema(passes)
    return Databases(dsn, requests, passes, bundled, watch, version)


@asynccontextmanager
async def _server(settings: Settings) -> AsyncIterator[tuple[str, embedded.Embedded | None]]:
    """Yield the serving role's DSN; with the bundled Postgres, start and migrate that first."""
    if settings.database.embedded is None:
        assert settings.database.dsn is not None, "settings have one or the other"
        yield settings.database.dsn, None
        return
    async with await embedded.start(settings.database.embedded) as running:
        forget_killed_users(running)
        owner = await asyncpg.connect(running.owner_dsn)
        try:
            applied = await migrations.ensure(owner, embedded.SERVING_ROLE)
        finally:
            await owner.close()
        if applied:
            log.info("database.migrated", version=applied[-1].version)
        yield running.serving_dsn, running


async def _check_schema(db: Database) -> str | None:
    """Return the version of Postgres, or None if the database is unreachable.

    Raise StoreError for a schema that this release does not work with.
    """
    try:
        async with db.connection() as connection:
            await migrations.check(connection)
            if await migrations.ahead(connection):
                version = await migrations.current(connection)
                log.info("database.ahead", version=version, known=migrations.latest())
            return ".".join(map(str, connection.get_server_version()[:2]))
    except AccessDenied:  # as serious as a missing migration
        raise
    except StoreUnavailable:  # the watch logs it
        return None
