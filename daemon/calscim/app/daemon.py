"""The daemon's process: sources, reconciler and background tasks in one task group, from start to drain."""

import asyncio
import gc
import linecache
import os
import platform
import random
import signal
import socket
import uuid
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from calscim import __version__, systemd
from calscim.app import embedded_watchdog, maintenance, pg_listener
from calscim.app.connections import MAX_OPS_CONNECTIONS, Connections, Runner
from calscim.app.console_server import ConsoleServer
from calscim.app.databases import Databases, open_databases
from calscim.app.directory_sources import Parts, directory_sources
from calscim.app.events.api import EventsApi
from calscim.app.fingerprints import PublishedFingerprints
from calscim.app.health import ops_app, plain_error
from calscim.app.listeners import bound, listen
from calscim.app.log_level import LogLevel
from calscim.app.notifying import feed_delivery, notifications
from calscim.app.process_metrics import CertificateMetrics, ProcessMetrics
from calscim.app.reload import Certificate, Reloads
from calscim.app.scim_source import ScimSource
from calscim.app.state_metrics import READ_TIMEOUT, StateMetrics
from calscim.app.status_line import StatusLine
from calscim.app.stored_state import StateReader
from calscim.app.wiring import RunningOrganization
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.clock import Clock, SystemClock
from calscim.config import Settings
from calscim.journal.chain import Broken
from calscim.journal.checkpoint_publisher import CheckpointPublisher, configured_sinks
from calscim.journal.checkpoint_publisher import Metrics as HeadMetrics
from calscim.notify.local_conditions import broken_journal
from calscim.reconciler.controller import Controller
from calscim.reconciler.metrics import Metrics as ReconcileMetrics
from calscim.reconciler.schedule import Timing
from calscim.reconciler.state.organization_status import session_name
from calscim.scim.client_address import TrustedProxies
from calscim.tracing import Tracing

log = structlog.get_logger()

DRAIN = 10.0  # seconds from the first SIGTERM until a pass under way is cut off
COLLECT_AFTER = 10_000  # new objects after which the garbage collector runs


@dataclass(frozen=True, slots=True)
class Serving:
    """Where a running daemon answers."""

    scim: str
    ops: str
    dsn: str
    console: str | None = None


Ready = Callable[[Serving], Coroutine[Any, Any, None]]


async def serve(
    settings: Settings,
    *,
    ready: Ready | None = None,
    read: Callable[[], Settings] | None = None,
    configuration: Path | None = None,
    tracing: Tracing | None = None,
) -> None:
    """Run until SIGTERM or SIGINT. Raise ConfigError or StoreError if the daemon cannot begin.

    ``ready`` is called once, in its own task, when all listeners answer. ``read`` reads the configuration again
    on SIGHUP; None: only the certificate is read again. ``configuration``: the file that the log names.
    """
    async with AsyncExitStack() as stack:
        databases = await open_databases(stack, settings, SystemClock(), tracing)
        http = await stack.enter_async_context(_http())
        daemon = _Daemon(settings, databases, http, read, configuration)
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGHUP, daemon.reloads.hangup.set)
        serving = await daemon.start(stack)
        _collect_less()
        _handle_termination(stopping)
        stack.callback(systemd.notify, "STOPPING=1")
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(task, name=name) for name, task in daemon.tasks().items()
            ]
            if ready is not None:
                background.append(group.create_task(ready(serving), name="ready"))
            reconciling = group.create_task(daemon.controller.run(), name="reconcile")
            systemd.notify("READY=1", f"STATUS=SCIM on {serving.scim}")
            log.info(
                "service.ready",
                version=__version__,
                configuration=None if configuration is None else str(configuration.absolute()),
                scim=serving.scim,
                ops=serving.ops,
                **({} if serving.console is None else {"console": serving.console}),
                organizations=sorted(daemon.controller.organizations),
                postgres=databases.version,
                python=platform.python_version(),
                pid=os.getpid(),
            )
            await stopping.wait()
            daemon.status_line.stop()
            await _drain(daemon.controller, reconciling)
            for task in background:
                task.cancel()
    log.info("service.stopped")


class _Daemon:
    """The parts of a daemon, composed once."""

    def __init__(
        self,
        settings: Settings,
        databases: Databases,
        session: aiohttp.ClientSession,
        read: Callable[[], Settings] | None,
        configuration: Path | None,
    ) -> None:
        self._configuration = configuration
        self._settings, self._databases = settings, databases
        self._clock: Clock = SystemClock()
        self._registry = CollectorRegistry()
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        db, metrics = databases.passes, ReconcileMetrics(self._registry)
        timing = Timing(settings.reconcile.interval, settings.reconcile.debounce)
        calls = CallMetrics(self._registry)
        organizations = {
            one.name: RunningOrganization(
                db, settings, one, session, self._clock, timing, calls, db.tracing
            )
            for one in settings.organizations
        }
        self.controller = Controller(
            db=db,
            holder=self._holder,
            organizations={name: one.make_reconciler for name, one in organizations.items()},
            timing=timing,
            clock=self._clock,
            jitter=random.SystemRandom().random,
            metrics=metrics,
        )
        sinks = configured_sinks(settings.journal, session, self._clock, self._holder)
        self._checkpoints = CheckpointPublisher(
            db, sinks, HeadMetrics(self._registry), self._report_altered
        )
        self._notifications = notifications(
            settings,
            db,
            databases.out_of_use,
            session,
            self._clock,
            self._registry,
            socket.gethostname(),
            self._checkpoints.refusals,
            organizations,
        )
        self._feed = feed_delivery(settings, db, session, self._clock, self._notifications.metrics)
        self.controller.pass_ended = databases.watch.changed = self._note_change
        self._console: ConsoleServer | None = None
        if settings.console is not None:
            self._console = ConsoleServer(settings.console, databases, session, self._clock)
        self._fingerprints = PublishedFingerprints(db, self._holder)
        self._log_level = LogLevel(db, self._clock, settings.log)
        certificate = Certificate(settings.scim)
        self._process = ProcessMetrics(
            self._registry, {"requests": databases.requests, "passes": db}
        )
        CertificateMetrics(self._registry, lambda: certificate.served)
        stored = StateReader(
            db.within(READ_TIMEOUT),
            [one.name for one in settings.organizations],
            [one.name for one in settings.channels],
        )
        self._state = StateMetrics(stored, databases.unready, self._clock)
        self.status_line = StatusLine(stored, databases.unready, self._clock)
        self._registry.register(self._state)
        self.reloads = Reloads(
            settings,
            read or (lambda: settings),
            databases=(db, databases.requests),
            organizations=organizations,
            certificate=certificate,
            published=self._fingerprints,
            log_level=self._log_level,
            wake=self.controller.wake,
        )
        self._events = EventsApi(db, self._clock, settings.ops.keep_events)
        self._sources = directory_sources(
            Parts(settings, databases, self._clock, self._registry, certificate.context)
        )

    def _note_change(self) -> None:
        """Note that a pass has ended, or that the database has gone or come back."""
        self._notifications.wake()
        self.status_line.wake()

    def _report_altered(self, altered: Broken) -> None:
        self._notifications.report(broken_journal(altered, self._clock.now()))

    async def start(self, stack: AsyncExitStack) -> Serving:
        """Start the sources and the operators' listener; both stop when the stack ends."""
        for source in self._sources:
            stack.push_async_callback(source.stop)
            await source.start()
        ops = await self._listen_for_operators(stack)
        scim = next(one for one in self._sources if isinstance(one, ScimSource))
        console = None
        if self._console is not None:
            console = await self._console.start(stack, self.reloads, self._configuration)
        return Serving(scim.address, bound(ops), self._databases.dsn, console)

    async def _listen_for_operators(self, stack: AsyncExitStack) -> web.BaseSite:
        connections = Connections(MAX_OPS_CONNECTIONS, MAX_OPS_CONNECTIONS, TrustedProxies.of(()))
        application = ops_app(self._registry, self._databases.unready, self._state.refresh)
        self._events.add_to(application)
        runner = Runner(application, connections, plain_error, shutdown_timeout=DRAIN)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        return await listen(runner, self._settings.ops.listen, name="ops")

    def _wake(self, organization: str) -> None:
        """Start a pass over what changed, and hand the events on to those who wait for them."""
        self.controller.wake(organization)
        self._feed.announce()
        self._events.announce()

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return the background tasks by name. One that fails stops the daemon."""
        db, clock, database = self._databases.passes, self._clock, self._settings.database
        session = session_name(self._holder)
        interval = self._settings.journal.checkpoint_interval
        tasks = {
            "listener": pg_listener.listen(
                self._databases.dsn, db, clock, self._wake, database.listen_dsn, session
            ),
            "database": self._databases.watch.run(),
            "watchdog": maintenance.feed_watchdog(clock),
            "event loop": self._process.sample(clock),
            "reloads": self.reloads.run(),
            "log level": self._log_level.run(),
            "status line": self.status_line.run(),
            "fingerprints": self._fingerprints.run(),
            "partitions": maintenance.create_partitions(db, clock),
            "events": maintenance.delete_old_events(db, clock, self._settings.ops.keep_events),
            "checkpoints": self._checkpoints.run(interval, clock),
            "notifications": self._notifications.run(),
            "feed": self._feed.run(),
            **{source.name: source.run() for source in self._sources},
        }
        if self._console is not None:
            tasks["console"] = self._console.run()
        if self._databases.bundled is not None:
            tasks["postgres"] = embedded_watchdog.keep_running(self._databases.bundled, clock)
        return tasks


def _http() -> aiohttp.ClientSession:
    """Return the session of all calls. Passes limit them: one must not wait for another's slow answer."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
    )


def _collect_less() -> None:
    """Exempt everything loaded so far from garbage collection, and run the collector less often.

    Measured in docs/decisions/0008-request-cost.md.
    """
    linecache.clearcache()  # source that pydantic read for docstrings
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _handle_termination(stopping: asyncio.Event) -> None:
    """The first SIGTERM or SIGINT drains; the second ends the process at once."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()

    def stop() -> None:
        if stopping.is_set() and main is not None:
            main.cancel()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def _drain(controller: Controller, reconciling: asyncio.Task[None]) -> None:
    """Let the calls under way finish and give the leases back; cut off what takes longer than DRAIN."""
    log.info("service.stopping")
    controller.stopping.set()
    _, late = await asyncio.wait({reconciling}, timeout=DRAIN)
    for task in late:
        task.cancel()
