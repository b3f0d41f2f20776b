"""The level of the log: the configured one, or for a while the one that an operator set (`calscim log level`).

The daemon reads the operator's level from the database every few seconds, so that it reaches every daemon. It ends at
its time even if the database is unreachable then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from calscim import logs
from calscim.clock import Clock
from calscim.config import Log
from calscim.postgres.log_level import LevelOverride, get_override
from calscim.postgres.outages import STORE_ERRORS
from calscim.postgres.pool import Database

log = structlog.get_logger()

EVERY = 5.0  # seconds
TIMEOUT = 2.0  # seconds for the query
_VERBOSITY = ("error", "warning", "info", "debug")


@dataclass(slots=True)
class LogLevel:
    """Applies the level to the log of this process, which has been configured as ``configured`` says."""

    db: Database
    clock: Clock
    configured: Log
    _override: LevelOverride | None = None
    _ends_at: float = 0.0  # of the override, monotonic

    async def run(self) -> None:
        """Follow the operator's level until cancelled."""
        while True:
            await self.look()
            await self.clock.sleep(EVERY)

    async def look(self) -> None:
        """Read the operator's level once and apply it. During an outage the level that was read last stays."""
        before, found = self._effective, await self._read()
        self._override = found
        if before != self._effective:
            with _louder(before, self._effective):
                log.warning(
                    "log.level_changed",
                    effective=self._effective.level,
                    configured=self.configured.level,
                    until=None if found is None else found.until.isoformat(),
                    set_by=None if found is None else found.set_by,
                )

    @contextmanager
    def becoming(self, configured: Log) -> Iterator[None]:
        """Take over another section [log]. A line in the block is written if either level allows it."""
        before, self.configured = self._effective, configured
        with _louder(before, self._effective):
            yield

    @property
    def _effective(self) -> Log:
        if self._override is None:
            return self.configured
        return replace(self.configured, level=self._override.level)

    async def _read(self) -> LevelOverride | None:
        try:
            found = await get_override(self.db.within(TIMEOUT))
        except STORE_ERRORS:
            return self._override if self.clock.monotonic() < self._ends_at else None
        if found is not None:
            self._ends_at = self.clock.monotonic() + found.seconds_left
        return found


@contextmanager
def _louder(before: Log, after: Log) -> Iterator[None]:
    """Configure the log as ``after`` says; in the block at the more verbose of both levels."""
    level = max(before.level, after.level, key=_VERBOSITY.index)
    if before != after:
        logs.configure(level, after.format, personal_data=after.personal_data)
    yield
    if level != after.level:
        logs.configure(after.level, after.format, personal_data=after.personal_data)
