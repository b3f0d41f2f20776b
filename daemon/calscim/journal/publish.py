"""Tells elsewhere where the journal's chains stand: an owner of the database can write them anew, but not the copies.

Every daemon does it, for what changed since it last did. Nothing here stops anything: what a place did not take
is logged, counted, and told to it again the next time.
"""

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp
import asyncpg
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from calscim.clock import Clock
from calscim.config import Journal
from calscim.errors import StoreError
from calscim.journal import checkpoints
from calscim.journal.checkpoints import Mark
from calscim.postgres.pool import Database

log = structlog.get_logger()

ANSWER = 10.0  # seconds for a receiver to answer


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.heads = Counter(
            "calscim_journal_heads",
            "Checkpoints of the journal that were given to a place elsewhere",
            ["place", "outcome"],
            registry=registry,
        )
        self.refusals = Gauge(
            "calscim_journal_head_refusals",
            "Checkpoints in a row that a place elsewhere did not take",
            ["place"],
            registry=registry,
        )
        self.altered = Counter(
            "calscim_journal_altered",
            "Journals that had lost or changed a row which this process had seen",
            registry=registry,
        )


class Place(Protocol):
    """``put`` raises StoreError when the place did not take it."""

    @property
    def name(self) -> str: ...

    async def put(self, marks: Sequence[Mark], changed: Sequence[Mark]) -> None:
        """``changed``: those of the marks that this place has not been given."""
        ...


@dataclass(frozen=True, slots=True)
class Log:
    """One line a stream."""

    name: str = "log"

    async def put(self, _: Sequence[Mark], changed: Sequence[Mark]) -> None:
        for mark in changed:
            log.info(checkpoints.EVENT, stream=mark.stream, seq=mark.seq, hash=mark.hash)


@dataclass(frozen=True, slots=True)
class File:
    """One line of JSON each time, with every stream, on the disk when it returns. Rotated by whoever likes to."""

    path: Path
    clock: Clock
    by: str
    name: str = "file"

    async def put(self, marks: Sequence[Mark], _: Sequence[Mark]) -> None:
        line = checkpoints.as_line(marks, self.clock.now(), self.by)
        try:
            await asyncio.to_thread(_append, self.path, line)
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be written ({error.strerror}): see journal.checkpoint_file"
            ) from error


@dataclass(frozen=True, slots=True)
class Url:
    """A POST of the same line. There may be a secret in the URL: it is never shown."""

    url: str = field(repr=False)
    session: aiohttp.ClientSession
    clock: Clock
    by: str
    name: str = "url"

    async def put(self, marks: Sequence[Mark], _: Sequence[Mark]) -> None:
        line = checkpoints.as_line(marks, self.clock.now(), self.by)
        try:
            async with asyncio.timeout(ANSWER):
                status = await self._posted(line)
        except TimeoutError as error:
            raise StoreError(f"no answer in {ANSWER:g} s: see journal.checkpoint_url") from error
        except aiohttp.ClientConnectorError as error:
            raise StoreError(f"{error.os_error}: see journal.checkpoint_url") from error
        except (aiohttp.ClientError, OSError) as error:
            raise StoreError(f"{type(error).__name__}: see journal.checkpoint_url") from error
        if status // 100 != 2:
            raise StoreError(f"it was answered {status}: see journal.checkpoint_url")

    async def _posted(self, line: bytes) -> int:
        headers = {"Content-Type": "application/json"}
        async with self.session.post(
            self.url, data=line, headers=headers, allow_redirects=False
        ) as response:
            return response.status


def places(
    journal: Journal, session: aiohttp.ClientSession, clock: Clock, by: str
) -> tuple[Place, ...]:
    """Those configured, the log first. ``by``: the name of this daemon."""
    found: list[Place] = [Log()]
    if journal.checkpoint_url is not None:
        found.append(Url(journal.checkpoint_url, session, clock, by))
    if journal.checkpoint_file is not None:
        found.append(File(journal.checkpoint_file, clock, by))
    return tuple(found)


class Heads:
    """Looks, compares with what it saw before, and tells every place."""

    def __init__(self, db: Database, places: Iterable[Place], metrics: Metrics) -> None:
        self._db = db
        self._metrics = metrics
        self._seen: dict[str, Mark] = {}
        self._given: dict[str, dict[str, Mark]] = {}
        self._places = tuple(places)

    async def run(self, interval: float, clock: Clock) -> None:
        """For ever, first at once."""
        while True:
            await self.look()
            await clock.sleep(interval)

    async def look(self) -> None:
        try:
            marks = await checkpoints.checkpoint(self._db)
            altered = await checkpoints.verify_against(self._db, self._seen.values())
        except (StoreError, asyncpg.PostgresError) as error:  # the next time is soon enough
            log.warning("journal.head_unknown", reason=str(error))
            return
        for one in altered:
            log.error("journal.altered", stream=one.stream, seq=one.seq, why=one.why)
            self._metrics.altered.inc()
        self._seen = {mark.stream: mark for mark in marks}
        for place in self._places:
            await self._tell(place, marks)

    async def _tell(self, place: Place, marks: Sequence[Mark]) -> None:
        given = self._given.get(place.name, {})
        changed = [mark for mark in marks if given.get(mark.stream) != mark]
        if not changed:
            return
        try:
            await place.put(marks, changed)
        except StoreError as error:
            log.warning("journal.head_refused", place=place.name, reason=str(error))
            self._metrics.heads.labels(place.name, "failed").inc()
            self._metrics.refusals.labels(place.name).inc()
            return
        self._given[place.name] = self._seen
        self._metrics.heads.labels(place.name, "written").inc()
        self._metrics.refusals.labels(place.name).set(0)


def _append(path: Path, line: bytes) -> None:
    """Opened anew each time, so that it may be moved away. A line that was cut off is ended first."""
    number = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        size = os.fstat(number).st_size
        if size and os.pread(number, 1, size - 1) != b"\n":
            line = b"\n" + line
        while line:
            line = line[os.write(number, line) :]
        os.fsync(number)
    finally:
        os.close(number)
