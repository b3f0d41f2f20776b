"""The metrics of what is stored in Postgres: held, parked, paused and waiting, tokens, passes, channels.

They are read when /metrics is, so a hold, an approval or a pause shows in the next scrape, on every daemon: several
daemons on one database report the same values. While the database is down the last values stay, and
``calscim_database_up`` is 0.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from calscim.app.stored_state import REASONS, DirectoryState, StateReader, StoredState
from calscim.clock import Clock
from calscim.postgres.outages import STORE_ERRORS

FRESH = 1.0  # seconds in which another scrape gets the same values
READ_TIMEOUT = 2.0  # seconds; Prometheus gives a scrape 10
SILENCE_EVERY = 600.0  # seconds between two readings of silence limits, which read the journal

_FAILURES = (*STORE_ERRORS, TimeoutError)

# Name, labels and meaning of each metric.
FAMILIES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("calscim_database_up", (), "1 if the database answers and accepts changes, as /readyz says"),
    ("calscim_actions_held", ("organization",), "Changes in held sets that wait for approval"),
    ("calscim_sets_held", ("organization",), "Held sets that wait for approval"),
    ("calscim_actions_parked", ("organization",), "Changes that did not succeed and wait"),
    (
        "calscim_oldest_parked_seconds",
        ("organization",),
        "Age of the oldest parked change; 0 if there is none",
    ),
    (
        "calscim_last_complete_pass_timestamp_seconds",
        ("organization",),
        "When everything was last read and judged; 0 if it never was",
    ),
    (
        "calscim_calcom_outage",
        ("organization", "reason"),
        "1 if Cal.com did not serve the last pass, for this reason",
    ),
    (
        "calscim_passes_failing",
        ("organization",),
        "Full passes in a row that did not read everything",
    ),
    ("calscim_people_waiting", ("organization",), "People that the last full pass could not serve"),
    ("calscim_mappings_waiting", ("organization",), "Mappings whose group was not pushed yet"),
    (
        "calscim_directory_info",
        ("directory", "name", "organization", "provider"),
        "1 for each directory; gives the name of the id in directory",
    ),
    ("calscim_directory_paused", ("directory", "name"), "1 while the directory is paused"),
    (
        "calscim_directory_paused_timestamp_seconds",
        ("directory", "name"),
        "Since when the directory is paused; absent if it is not",
    ),
    (
        "calscim_directory_last_request_timestamp_seconds",
        ("directory", "name"),
        "When the directory last sent a request, on any daemon, within a minute; absent before the first",
    ),
    (
        "calscim_directory_silence_limit_seconds",
        ("directory", "name"),
        "Seconds without a request that are unusual: twice the longest gap in 30 days, at least a day",
    ),
    ("calscim_tokens_valid", ("directory", "name"), "Valid tokens of the directory"),
    (
        "calscim_notifications_waiting",
        ("channel",),
        "Notifications that are not delivered yet, of all daemons",
    ),
    (
        "calscim_notifications_failing",
        ("channel",),
        "1 if the last attempt of the channel failed, on any daemon",
    ),
)


@dataclass(slots=True, eq=False)
class StateMetrics(Collector):
    """The collector of one daemon. ``unready`` returns why the database is of no use, or None."""

    reader: StateReader
    unready: Callable[[], Awaitable[str | None]]
    clock: Clock
    state: StoredState = field(default_factory=StoredState)
    is_up: bool = False
    _silence_limits: Mapping[str, float] = field(default_factory=dict)
    _read_at: float = float("-inf")
    _silence_read_at: float = float("-inf")
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def refresh(self) -> None:
        """Read the database, unless that was done a moment ago."""
        async with self._reading:
            if self.clock.monotonic() - self._read_at < FRESH:
                return
            self.is_up, _ = await asyncio.gather(self._is_ready(), self._read())
            self._read_at = self.clock.monotonic()

    async def _is_ready(self) -> bool:
        try:
            return await self.unready() is None
        except _FAILURES:
            return False

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                self.state = await self.reader.read()
                now = self.clock.monotonic()
                if now - self._silence_read_at >= SILENCE_EVERY:
                    self._silence_limits = await self.reader.read_silence_limits()
                    self._silence_read_at = now
        except _FAILURES:
            return  # is_up says so

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without samples."""
        return _families().values()

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they were last read."""
        families = _families()
        for name, labels, value in self._samples():
            families[name].add_metric(labels, value)
        return families.values()

    def _samples(self) -> Iterator[tuple[str, tuple[str, ...], float]]:
        yield "calscim_database_up", (), float(self.is_up)
        yield from _organization_samples(self.state, self.clock.now())
        for directory in self.state.directories:
            yield from _directory_samples(directory, self._silence_limits.get(directory.id))
        for channel in self.state.channels:
            yield "calscim_notifications_waiting", (channel.channel,), channel.waiting
            yield "calscim_notifications_failing", (channel.channel,), float(channel.is_failing)


def _families() -> dict[str, GaugeMetricFamily]:
    return {
        name: GaugeMetricFamily(name, meaning, labels=labels) for name, labels, meaning in FAMILIES
    }


def _organization_samples(
    state: StoredState, now: datetime
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    for one in state.organizations:
        label = (one.name,)
        parked = 0.0 if one.parked_since is None else (now - one.parked_since).total_seconds()
        complete = 0.0 if one.last_complete is None else one.last_complete.timestamp()
        yield "calscim_actions_held", label, one.held_actions
        yield "calscim_sets_held", label, one.held_sets
        yield "calscim_actions_parked", label, one.parked_actions
        yield "calscim_oldest_parked_seconds", label, max(0.0, parked)
        yield "calscim_last_complete_pass_timestamp_seconds", label, complete
        yield "calscim_passes_failing", label, one.failing_passes
        yield "calscim_people_waiting", label, one.waiting_people
        yield "calscim_mappings_waiting", label, one.waiting_mappings
        for reason in REASONS:
            yield "calscim_calcom_outage", (one.name, reason), float(one.outage == reason)


def _directory_samples(
    one: DirectoryState, silence_limit: float | None
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    label = (one.id, one.name)
    yield "calscim_directory_info", (*label, one.organization, one.provider), 1.0
    yield "calscim_directory_paused", label, float(one.paused_since is not None)
    if one.paused_since is not None:
        since = one.paused_since.timestamp()
        yield "calscim_directory_paused_timestamp_seconds", label, since
    if one.last_request is not None:
        last = one.last_request.timestamp()
        yield "calscim_directory_last_request_timestamp_seconds", label, last
    if silence_limit is not None:
        yield "calscim_directory_silence_limit_seconds", label, silence_limit
    yield "calscim_tokens_valid", label, one.valid_tokens
