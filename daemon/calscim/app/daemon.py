"""The composition root: pool, listeners and the controller in one task group, their signals and their end."""

import asyncio
import gc
import linecache
import os
import random
import signal
import socket
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncpg
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from calscim import systemd
from calscim.app import throttling
from calscim.app.connections import (
    MOST_OF_A_CLIENT,
    MOST_OF_OPS,
    Connections,
    Render,
    Runner,
    descriptors,
    most_connections,
)
from calscim.app.embedded_watchdog import forget_the_dead, keep
from calscim.app.fingerprints import Published
from calscim.app.health import ops_app, plain_error
from calscim.app.listeners import UNTRUSTED, bound, hides_clients, listen
from calscim.app.pg_listener import hear
from calscim.app.reload import Certificate, Reloads
from calscim.app.token_watch import Metrics as TokenMetrics
from calscim.app.token_watch import TokenWatch
from calscim.app.wiring import Running
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.clock import Clock, SystemClock
from calscim.config import Settings
from calscim.errors import StoreError, StoreUnavailable
from calscim.journal.partitions import ensure_partitions
from calscim.journal.publish import Heads, places
from calscim.journal.publish import Metrics as HeadMetrics
from calscim.postgres import embedded, health, migrations
from calscim.postgres.outages import AccessDenied
from calscim.postgres.pool import SEARCH, Database
from calscim.reconciler.controller import PASSES, Controller
from calscim.reconciler.metrics import Metrics as ReconcileMetrics
from calscim.reconciler.schedule import Timing
from calscim.reconciler.state.standing import session_name
from calscim.scim.admission import ADMISSION, Admission
from calscim.scim.client_address import TrustedProxies
from calscim.scim.metrics import Metrics as ScimMetrics
from calscim.scim.responses import error_response
from calscim.scim.server import app as scim_app
from calscim.scim.token_uses import TokenUses

log = structlog.get_logger()

DAY = 86_400.0  # seconds
DRAIN = 20.0  # seconds from the first SIGTERM until what is still running is cut
COLLECT = 10_000  # new objects after which the collector looks at them
# Connections besides the pool of SCIM requests: one for each pass that works, and for leases, news and checkpoints.
HEADROOM = PASSES + 2
# Seconds that a SCIM request may wait for the database, and then for a new connection, to see whether what
# it lost the first one over was done: 503 comes within two.
ANSWER, CONNECTING = 1.1, 0.8
# Seconds that a statement of a pass may take, the wait for one of the connections included; and a new connection.
PASS, REACHING = 20.0, 1.5


@dataclass(frozen=True, slots=True)
class Serving:
    """Where a running daemon answers."""

    scim: str
    ops: str
    dsn: str
    admission: Admission


Ready = Callable[[Serving], Coroutine[Any, Any, None]]


async def serve(
    settings: Settings, *, ready: Ready | None = None, read: Callable[[], Settings] | None = None
) -> None:
    """Run until SIGTERM or SIGINT. ConfigError and StoreError when it cannot begin.

    ``ready`` is called once, in its own task, when both listeners answer. ``read`` reads the configuration again
    on SIGHUP; None: only the certificate is.
    """
    stopping = asyncio.Event()
    clock = SystemClock()
    cipher = settings.journal.cipher()
    async with AsyncExitStack() as stack:
        dsn, bundled = await stack.enter_async_context(_database(settings))
        requests = await stack.enter_async_context(
            await Database.open(
                dsn,
                size=settings.database.pool_size,
                connecting=CONNECTING,
                within=ANSWER,
                longest=SEARCH,
                cipher=cipher,
            )
        )
        db = await stack.enter_async_context(
            await Database.open(
                dsn,
                size=HEADROOM,
                patience=PASS,
                connecting=REACHING,
                within=PASS,
                cipher=cipher,
            )
        )
        await _check_schema(db)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                # How many calls there are at once is up to the passes: one must not wait for another's slow answer.
                connector=aiohttp.TCPConnector(limit=0),
            )
        )
        registry = CollectorRegistry()
        holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        metrics, calls = ReconcileMetrics(registry), CallMetrics(registry)
        timing = Timing(settings.reconcile.interval, settings.reconcile.debounce)
        organizations = {
            organization.name: Running(db, settings, organization, session, clock, timing, calls)
            for organization in settings.organizations
        }
        controller = Controller(
            db=db,
            holder=holder,
            organizations={name: one.make_cycle for name, one in organizations.items()},
            timing=timing,
            clock=clock,
            jitter=random.SystemRandom().random,
            metrics=metrics,
        )
        elsewhere = places(settings.journal, session, clock, holder)
        heads = Heads(db, elsewhere, HeadMetrics(registry))
        token_watch = TokenWatch(db, TokenUses(), clock, TokenMetrics(registry))
        certificate = Certificate(settings.scim)
        published = Published(db, holder)
        reloads = Reloads(
            settings,
            read or (lambda: settings),
            databases=(db, requests),
            organizations=organizations,
            certificate=certificate,
            published=published,
            wake=controller.wake,
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloads.hangup.set)
        serving = await _listen(
            stack,
            settings,
            requests,
            db,
            clock,
            registry,
            dsn,
            certificate.context,
            token_watch.uses,
        )
        _collect_less()
        _signals(stopping)
        stack.callback(systemd.notify, "STOPPING=1")
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(
                    hear(
                        dsn,
                        db,
                        clock,
                        controller.wake,
                        settings.database.listen_dsn,
                        session_name(holder),
                    ),
                    name="news",
                ),
                group.create_task(_watchdog(clock), name="watchdog"),
                group.create_task(throttling.run(db, serving.admission, clock), name="throttling"),
                group.create_task(reloads.run(), name="reloads"),
                group.create_task(published.run(), name="published"),
                group.create_task(_partitions(db, clock), name="partitions"),
                group.create_task(token_watch.run(), name="tokens"),
                group.create_task(
                    heads.run(settings.journal.checkpoint_interval, clock), name="heads"
                ),
            ]
            if bundled is not None:
                background.append(group.create_task(keep(bundled, clock), name="postgres"))
            if ready is not None:
                background.append(group.create_task(ready(serving), name="ready"))
            reconciling = group.create_task(controller.run(), name="reconcile")
            systemd.notify("READY=1", f"STATUS=SCIM on {serving.scim}")
            log.info(
                "service.ready",
                scim=serving.scim,
                ops=serving.ops,
                organizations=sorted(controller.organizations),
            )
            await stopping.wait()
            await _drain(controller, reconciling)
            for task in background:
                task.cancel()
    log.info("service.stopped")


def _collect_less() -> None:
    """What was loaded until now stays for good: the collector need not walk through it again and again, nor come
    every few requests. Measured in docs/decisions/0008-what-a-request-costs.md.
    """
    linecache.clearcache()  # source that pydantic read for docstrings
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[tuple[str, embedded.Embedded | None]]:
    """The serving role's DSN; with the bundled Postgres, started and migrated first."""
    if settings.database.embedded is None:
        assert settings.database.dsn is not None, "settings have one or the other"
        yield settings.database.dsn, None
        return
    async with await embedded.start(settings.database.embedded) as running:
        forget_the_dead(running)
        owner = await asyncpg.connect(running.owner_dsn)
        try:
            applied = await migrations.ensure(owner, embedded.SERVING_ROLE)
        finally:
            await owner.close()
        if applied:
            log.info("database.migrated", version=applied[-1].version)
        yield running.serving_dsn, running


async def _check_schema(db: Database) -> None:
    """StoreError for a schema this release does not work with; a database that is away is waited for later."""
    try:
        async with db.connection() as connection:
            await migrations.check(connection)
            if await migrations.ahead(connection):
                version = await migrations.current(connection)
                log.info("database.ahead", version=version, known=migrations.latest())
    except AccessDenied:  # as a missing migration
        raise
    except StoreUnavailable as error:
        log.warning("database.away", reason=str(error))


async def _listen(
    stack: AsyncExitStack,
    settings: Settings,
    requests: Database,
    db: Database,
    clock: Clock,
    registry: CollectorRegistry,
    dsn: str,
    tls: ssl.SSLContext | None,
    token_uses: TokenUses,
) -> Serving:
    async def unready() -> str | None:
        try:
            async with requests.connection() as connection, asyncio.timeout(1.5):
                await migrations.check(connection)
                refusal = await health.refusal(connection)
        except (StoreError, TimeoutError) as error:
            return str(error) or "the database does not answer"
        return refusal or requests.refused or db.refused

    scim_connections = Connections(
        most_connections(descriptors()),
        MOST_OF_A_CLIENT,
        TrustedProxies.of(settings.scim.trusted_proxies),
    )
    ops_connections = Connections(MOST_OF_OPS, MOST_OF_OPS, TrustedProxies.of(()))
    application = scim_app(requests, settings.scim, clock, ScimMetrics(registry), token_uses)
    scim = await _start(
        stack,
        application,
        scim_connections,
        error_response,
    )
    ops = await _start(stack, ops_app(registry, unready), ops_connections, plain_error)
    if hides_clients(settings.scim):
        log.warning("scim.no_trusted_proxies", listen=settings.scim.listen, hint=UNTRUSTED)
    scim_site = await listen(scim, settings.scim.listen, name="scim", tls=tls)
    ops_site = await listen(ops, settings.ops.listen, name="ops")
    return Serving(bound(scim_site), bound(ops_site), dsn, application[ADMISSION])


async def _start(
    stack: AsyncExitStack, application: web.Application, connections: Connections, render: Render
) -> web.AppRunner:
    runner = Runner(application, connections, render, shutdown_timeout=DRAIN / 2)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


def _signals(stopping: asyncio.Event) -> None:
    """The first signal drains, the second hurries."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()

    def stop() -> None:
        if stopping.is_set() and main is not None:
            main.cancel()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def _drain(controller: Controller, reconciling: asyncio.Task[None]) -> None:
    """Let the calls under way finish and give the leases back; cut what takes too long."""
    log.info("service.stopping")
    controller.stopping.set()
    _, late = await asyncio.wait({reconciling}, timeout=DRAIN / 2)
    for task in late:
        task.cancel()


async def _partitions(db: Database, clock: Clock) -> None:
    """The journal's next months, every day; what finds no month goes to the default one."""
    while True:
        try:
            made = await ensure_partitions(db)
        except (
            AccessDenied,
            asyncpg.PostgresError,
        ) as error:  # rows go on being kept, in the default partition
            log.warning("journal.partitions_refused", reason=str(error))
            await clock.sleep(DAY)
            continue
        except StoreUnavailable:
            await clock.sleep(60)
            continue
        log.debug("journal.partitions", partitions=[one.name for one in made])
        await clock.sleep(DAY)


async def _watchdog(clock: Clock) -> None:
    """Fed by the event loop's own progress: a loop that hangs feeds nothing."""
    seconds = systemd.watchdog_interval()
    if seconds is None:
        return
    while True:
        systemd.notify("WATCHDOG=1")
        await clock.sleep(seconds / 2)
