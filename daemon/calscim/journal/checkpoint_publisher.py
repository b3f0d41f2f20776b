"""Publishes checkpoints: copies of the journal's heads in places that the owner of the database cannot change.

Every daemon publishes the heads that changed since its last checkpoint. A sink that fails is logged and counted, and
gets the heads again with the next checkpoint.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import aiohttp
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from calscim.clock import Clock, SystemClock
from calscim.config import Journal
from calscim.errors import StoreError
from calscim.journal import checkpoints
from calscim.journal.chain import Broken
from calscim.journal.checkpoints import Head
from calscim.postgres.outages import STORE_ERRORS
from calscim.postgres.pool import Database

log = structlog.get_logger()

POST_TIMEOUT = 10.0  # seconds


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.published = Counter(
            "calscim_checkpoints",
            "Checkpoints of the journal, by sink and outcome",
            ["sink", "outcome"],
            registry=registry,
        )
        self.failures = Gauge(
            "calscim_checkpoint_failures",
            "Checkpoints in a row that could not be published",
            ["sink"],
            registry=registry,
        )
        self.altered = Counter(
            "calscim_journal_altered",
            "Streams with a lost or changed row that this process had seen",
            registry=registry,
        )


class CheckpointSink(Protocol):
    """Where checkpoints are published."""

    @property
    def name(self) -> str: ...

    async def publish(self, heads: Sequence[Head], changed: Sequence[Head]) -> None:
        """Publish a checkpoint. ``changed``: the heads that this sink does not have. Raise StoreError on failure."""
        ...


@dataclass(frozen=True, slots=True)
class LogSink:
    """Logs each changed head."""

    name: str = "log"

    async def publish(self, _: Sequence[Head], changed: Sequence[Head]) -> None:
        for head in changed:
            log.info("checkpoint.published", stream=head.stream, seq=head.seq, hash=head.hash)


@dataclass(frozen=True, slots=True)
class FileSink:
    """Appends each checkpoint to a file as a line of JSON, and syncs the file. Other programs may rotate the file."""

    path: Path
    clock: Clock
    by: str
    name: str = "file"

    async def publish(self, heads: Sequence[Head], _: Sequence[Head]) -> None:
        line = checkpoints.to_json_line(heads, self.clock.now(), self.by)
        try:
            await asyncio.to_thread(_append, self.path, line)
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be written ({error.strerror}): check journal.checkpoint_file"
            ) from error


@dataclass(frozen=True, slots=True)
class UrlSink:
    """Posts each checkpoint to a URL. The URL may contain a secret and is never shown."""

    url: str = field(repr=False)
    session: aiohttp.ClientSession
    clock: Clock
    by: str
    name: str = "url"

    async def publish(self, heads: Sequence[Head], _: Sequence[Head]) -> None:
        line = checkpoints.to_json_line(heads, self.clock.now(), self.by)
        try:
            async with asyncio.timeout(POST_TIMEOUT):
                status = await self._post(line)
        except TimeoutError as error:
            raise StoreError(
                f"no answer in {POST_TIMEOUT:g} s: check journal.checkpoint_url"
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise StoreError(f"{error.os_error}: check journal.checkpoint_url") from error
        except (aiohttp.ClientError, OSError) as error:
            raise StoreError(f"{type(error).__name__}: check journal.checkpoint_url") from error
        if status // 100 != 2:
            raise StoreError(f"the answer was {status}: check journal.checkpoint_url")

    async def _post(self, line: bytes) -> int:
        headers = {"Content-Type": "application/json"}
        async with self.session.post(
            self.url, data=line, headers=headers, allow_redirects=False
        ) as response:
            return response.status


def configured_sinks(
    journal: Journal, session: aiohttp.ClientSession, clock: Clock, by: str
) -> tuple[CheckpointSink, ...]:
    """Return the log and the configured sinks. ``by``: the name of this daemon."""
    sinks: list[CheckpointSink] = [LogSink()]
    if journal.checkpoint_url is not None:
        sinks.append(UrlSink(journal.checkpoint_url, session, clock, by))
    if journal.checkpoint_file is not None:
        sinks.append(FileSink(journal.checkpoint_file, clock, by))
    return tuple(sinks)


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often in a row a checkpoint sink refused, since when, and why it did so last."""

    count: int
    since: datetime
    reason: str


class CheckpointPublisher:
    """Compares the journal with the last checkpoint, and publishes a new one.

    ``on_altered`` is called for each journal row that was seen before and is now gone or different. ``refusals``: the
    sinks that refused the last checkpoint, by name.
    """

    def __init__(
        self,
        db: Database,
        sinks: Iterable[CheckpointSink],
        metrics: Metrics,
        on_altered: Callable[[Broken], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._on_altered = on_altered
        self.refusals: dict[str, Refusals] = {}
        self._metrics = metrics
        self._seen: dict[str, Head] = {}
        self._is_unreadable = False
        self._published: dict[str, dict[str, Head]] = {}
        self._sinks = tuple(sinks)

    async def run(self, interval: float, clock: Clock) -> None:
        """Publish a checkpoint now and after every interval, forever."""
        while True:
            await self.publish_once()
            await clock.sleep(interval)

    async def publish_once(self) -> None:
        try:
            heads = await checkpoints.read_heads(self._db)
            altered = await checkpoints.verify_against(self._db, self._seen.values())
        except STORE_ERRORS as error:
            if not self._is_unreadable:
                log.warning("checkpoint.read_failed", reason=str(error))
            self._is_unreadable = True
            return
        self._is_unreadable = False
        for one in altered:
            log.error("journal.altered", stream=one.stream, seq=one.seq, why=one.why)
            self._metrics.altered.inc()
            self._on_altered(one)
        self._seen = {head.stream: head for head in heads}
        for sink in self._sinks:
            await self._publish_to(sink, heads)

    async def _publish_to(self, sink: CheckpointSink, heads: Sequence[Head]) -> None:
        published = self._published.get(sink.name, {})
        changed = [head for head in heads if published.get(head.stream) != head]
        if not changed:
            return
        try:
            await sink.publish(heads, changed)
        except StoreError as error:
            log.warning("checkpoint.publish_failed", sink=sink.name, reason=str(error))
            self._metrics.published.labels(sink.name, "failed").inc()
            self._metrics.failures.labels(sink.name).inc()
            before = self.refusals.get(sink.name) or Refusals(0, SystemClock().now(), "")
            self.refusals[sink.name] = Refusals(before.count + 1, before.since, str(error))
            return
        self.refusals.pop(sink.name, None)
        self._published[sink.name] = self._seen
        self._metrics.published.labels(sink.name, "written").inc()
        self._metrics.failures.labels(sink.name).set(0)


def _append(path: Path, line: bytes) -> None:
    """Append a line, after a line feed if the last line is incomplete. Opens the file each time: it may be rotated."""
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
