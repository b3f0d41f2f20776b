"""Group commit: changes of one directory that queue up while a transaction runs share the next transaction.

The head row serializes the changes of a directory in any case, but waiting for a row lock costs Postgres more than
the change itself, and each commit waits for the disk. docs/decisions/0005-group-commit.md has the measurements.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Generic, TypeVar

from calscim.errors import StoreUnavailable

QUEUE_TIMEOUT = 1.5  # seconds that a change may wait for the changes before it
MAX_QUEUE_AGE = (
    0.1  # seconds; older changes fail with the database, instead of waiting for a second connection
)
BATCH_SIZE = 16  # changes in one transaction
BATCH_BYTES = 128 * 1024  # of requests; a batch that has reached it takes no further change

C = TypeVar("C")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Entry(Generic[C, R]):
    """A change in the queue."""

    change: C
    size: int
    result: asyncio.Future[R]
    queued_at: float  # by the event loop's clock
    is_sent: bool = False
    is_alone: bool = False  # a batch with this change failed: it goes into a batch of its own

    def time_out(self) -> None:
        """Fail the change, unless it was sent."""
        if not self.is_sent:
            self.fail(
                StoreUnavailable(
                    "changes of this directory wait for a transaction that does not end: see pg_stat_activity"
                )
            )

    def fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)


class Batch(Generic[C, R]):
    """The changes of one directory that are applied together, and the queue behind them."""

    def __init__(self) -> None:
        self._queue: deque[_Entry[C, R]] = deque()
        self._taken: list[_Entry[C, R]] = []
        self._arrival: asyncio.Future[None] | None = None

    def add(self, entry: _Entry[C, R]) -> None:
        self._queue.append(entry)
        self._wake()

    def take(self) -> bool:
        """Fill the batch from the queue, unless it has unanswered changes. Return False if it stays empty."""
        while not self._taken and self._queue:
            self._taken = _next(self._queue)
        return bool(self._taken)

    @property
    def changes(self) -> list[C]:
        return [entry.change for entry in self._taken]

    def has_queue(self) -> bool:
        """Return True if changes wait behind the batch."""
        return bool(self._queue)

    async def wait_for_changes(self, seconds: float) -> bool:
        """Fill the batch as soon as a change arrives. Return False if none arrives in time."""
        loop = asyncio.get_running_loop()
        self._arrival = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await self._arrival
        finally:
            timer.cancel()
            self._arrival = None
        return self.take()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def finish(self, results: Sequence[R]) -> None:
        """Answer the changes of the batch, in order."""
        for entry, result in zip(self._taken, results, strict=True):
            if not entry.result.done():
                entry.result.set_result(result)
        self._taken = []

    def fail(self, error: Exception) -> None:
        """Fail the batch after an error.

        If the database is down, fail the batch and everything queued longer than MAX_QUEUE_AGE. Any other error may
        concern one change only: each change of the batch is tried again in a batch of its own.
        """
        if isinstance(error, StoreUnavailable):
            for entry in self._taken:
                entry.fail(copy(error))  # an exception can be raised only once
            latest = asyncio.get_running_loop().time() - MAX_QUEUE_AGE
            for entry in self._queue:  # in order of arrival
                if entry.queued_at > latest:
                    break
                entry.fail(StoreUnavailable(str(error)))
        elif len(self._taken) == 1:
            self._taken[0].fail(error)
        else:
            for entry in self._taken:
                entry.is_alone = True
            self._queue.extendleft(reversed(self._taken))
        self._taken = []

    def cancel(self) -> None:
        for entry in (*self._taken, *self._queue):
            entry.result.cancel()


class WriteQueue(Generic[C, R]):
    """A queue of changes per stream, in order of arrival.

    ``apply`` applies batches of a stream, as many in a row as it likes.
    """

    def __init__(self, apply: Callable[[str, Batch[C, R]], Awaitable[None]]) -> None:
        self._apply = apply
        self._batches: dict[str, Batch[C, R]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, stream: str, change: C, size: int = 0) -> R:
        """Queue a change and return its result. Raise StoreUnavailable if the queue does not move in time.

        A change that was sent is applied even if its caller is cancelled.
        """
        loop = asyncio.get_running_loop()
        entry: _Entry[C, R] = _Entry(change, size, loop.create_future(), loop.time())
        batch = self._batches.get(stream)
        if batch is None:
            batch = self._batches[stream] = Batch()
            task = loop.create_task(self._serve(stream, batch), name=f"changes of {stream}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        batch.add(entry)
        timer = loop.call_later(QUEUE_TIMEOUT, entry.time_out)
        try:
            return await entry.result
        finally:
            timer.cancel()

    async def _serve(self, stream: str, batch: Batch[C, R]) -> None:
        """Apply batches until the queue is empty."""
        try:
            while batch.take():
                try:
                    await self._apply(stream, batch)
                except Exception as error:  # noqa: BLE001 - raised again in write()
                    batch.fail(error)
        finally:
            del self._batches[stream]
            batch.cancel()


def _next(queue: "deque[_Entry[C, R]]") -> "list[_Entry[C, R]]":
    """Take the changes of the next batch from the queue, without those whose callers are gone."""
    taken: list[_Entry[C, R]] = []
    size = 0
    while queue and len(taken) < BATCH_SIZE and size < BATCH_BYTES:
        if taken and queue[0].is_alone:
            break
        entry = queue.popleft()
        if not entry.result.done():
            entry.is_sent = True
            size += entry.size
            taken.append(entry)
            if entry.is_alone:
                break
    return taken
