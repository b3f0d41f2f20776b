"""Logs once that the database is unreachable, with host and port, and once that it is back.

Every request and every pass fails during an outage. A pool reports that it got no connection; this module then connects
by itself, so that a busy pool is not taken for an outage, and tries again every second until the database answers.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import structlog

from calscim.clock import Clock
from calscim.postgres.hosts import hosts
from calscim.postgres.outages import NO_CONNECTION
from calscim.reconciler.backoff import REMINDER

log = structlog.get_logger()

EVERY = 1.0  # seconds between two tries during an outage
TIMEOUT = 2.0  # seconds for one try


@dataclass(slots=True)
class DatabaseWatch:
    """The watch of one daemon. The pools call ``suspect``. ``changed`` is called when an outage begins and ends."""

    dsn: str
    clock: Clock
    changed: Callable[[], None] = lambda: None
    _suspected: asyncio.Event = field(default_factory=asyncio.Event)
    _since: float = 0.0

    def suspect(self) -> None:
        """Note that a connection could not be opened."""
        if not self._suspected.is_set():
            self._since = self.clock.monotonic()
            self._suspected.set()

    async def run(self) -> None:
        """Log outages until cancelled."""
        while True:
            await self._suspected.wait()
            await self._wait_for_the_database()
            self._suspected.clear()

    async def _wait_for_the_database(self) -> None:
        host, port = server_of(self.dsn)
        logged_at: float | None = None
        while (reason := await self._failure()) is not None:
            now = self.clock.monotonic()
            if logged_at is None:
                self.changed()
            if logged_at is None or now - logged_at >= REMINDER:
                log.error("database.unreachable", host=host, port=port, reason=reason)
                logged_at = now
            await self.clock.sleep(EVERY)
        if logged_at is not None:
            seconds = round(self.clock.monotonic() - self._since, 1)
            log.info("database.recovered", host=host, port=port, seconds=seconds)
            self.changed()

    async def _failure(self) -> str | None:
        """Connect, and return why that failed, or None."""
        try:
            async with asyncio.timeout(TIMEOUT):
                connection = await hosts(self.dsn).connect(timeout=TIMEOUT)
                try:
                    await connection.execute("SELECT 1")
                finally:
                    connection.terminate()
        except NO_CONNECTION as error:
            return f"{type(error).__name__}: {str(error) or 'it did not answer in time'}"
        return None


def server_of(dsn: str) -> tuple[str, int | str]:
    """Return host and port of a DSN; with several hosts, as libpq writes them: ``a,b`` and ``5432,5432``."""
    parts = urlsplit(dsn)
    options = dict(parse_qsl(parts.query))
    default = options.get("port") or os.environ.get("PGPORT") or "5432"
    if "host" in options:
        names, ports = options["host"].split(","), default.split(",")
        ports = ports * len(names) if len(ports) == 1 else ports
    else:
        places = [_place(one) for one in parts.netloc.rpartition("@")[2].split(",")]
        names = [name or os.environ.get("PGHOST") or "localhost" for name, _ in places]
        ports = [port or default for _, port in places]
    if len(names) == 1 and ports[0].isdigit():
        return names[0], int(ports[0])
    return ",".join(names), ",".join(ports)


def _place(text: str) -> tuple[str, str]:
    """Split ``host:port`` or ``[address]:port``."""
    head, bracket, rest = text.rpartition("]")
    name, _, port = rest.partition(":")
    return (f"{head}{bracket}{name}".strip("[]"), port)
