"""Changes of one directory take turns, and those that wait while one is made are made together.

The head row would put them in order anyway, but waiting for a row lock costs the server more than the change,
and each commit waits for the disk. So one change at a time is sent, or as many as have come meanwhile: they
share a transaction and its wait. Measured in docs/decisions/0005-group-commit.md.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Generic, TypeVar

from calscim.errors import StoreUnavailable

PATIENCE = 1.5  # seconds in the queue, while the changes in front do not end
WAITED = 0.1  # seconds in the queue after which nobody waits for a second connection, when the first was lost
TOGETHER = 16  # changes in one transaction
HEAVY = 128 * 1024  # bytes of requests after which no more are taken along

C = TypeVar("C")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[C, R]):
    change: C
    weight: int
    answer: asyncio.Future[R]
    since: float  # by the event loop's clock
    begun: bool = False
    alone: bool = False  # it was made together with others, and that failed

    def give_up(self) -> None:
        """What was not sent yet is not made."""
        if not self.begun:
            self.fail(
                StoreUnavailable(
                    "changes of this directory wait for one that does not end; see pg_stat_activity"
                )
            )

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Batches(Generic[C, R]):
    """What a queue holds, some at a time. Who makes them takes some, and answers them before taking others."""

    def __init__(self) -> None:
        self._queue: deque[_Waiting[C, R]] = deque()
        self._taken: list[_Waiting[C, R]] = []
        self._awaited: asyncio.Future[None] | None = None

    def add(self, waiting: _Waiting[C, R]) -> None:
        self._queue.append(waiting)
        self._wake()

    def take(self) -> bool:
        """Have some to make in ``changes``: those that are not answered yet, or the next. False: there are none."""
        while not self._taken and self._queue:
            self._taken = _next(self._queue)
        return bool(self._taken)

    @property
    def changes(self) -> list[C]:
        return [waiting.change for waiting in self._taken]

    def wait(self) -> bool:
        """Whether there are others than those that were taken."""
        return bool(self._queue)

    async def await_some(self, seconds: float) -> bool:
        """Take some as soon as there are; False when none have come in that time."""
        loop = asyncio.get_running_loop()
        self._awaited = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await self._awaited
        finally:
            timer.cancel()
            self._awaited = None
        return self.take()

    def _wake(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    def answer(self, answers: Sequence[R]) -> None:
        for waiting, answer in zip(self._taken, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        self._taken = []

    def refuse(self, error: Exception) -> None:
        """Those that were taken could not be made: a database that is away is so for each, and for those that have
        waited for it to answer. Otherwise one that cannot be made does not take the others with it: they come
        again, each alone.
        """
        if isinstance(error, StoreUnavailable):
            for waiting in self._taken:
                waiting.fail(copy(error))  # an exception is raised once
            late = asyncio.get_running_loop().time() - WAITED
            for waiting in self._queue:  # in order of arrival
                if waiting.since > late:
                    break
                waiting.fail(StoreUnavailable(str(error)))
        elif len(self._taken) == 1:
            self._taken[0].fail(error)
        else:
            for waiting in self._taken:
                waiting.alone = True
            self._queue.extendleft(reversed(self._taken))
        self._taken = []

    def abandon(self) -> None:
        for waiting in (*self._taken, *self._queue):
            waiting.answer.cancel()


class Turns(Generic[C, R]):
    """A queue for each stream, in order of arrival.

    ``perform`` makes the changes of the batches, as many after each other as it likes.
    """

    def __init__(self, perform: Callable[[str, Batches[C, R]], Awaitable[None]]) -> None:
        self._perform = perform
        self._batches: dict[str, Batches[C, R]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, stream: str, change: C, weight: int = 0) -> R:
        """Make a change in its turn. StoreUnavailable when the queue does not move in time.

        A caller that goes away leaves a change that was sent to its end.
        """
        loop = asyncio.get_running_loop()
        waiting: _Waiting[C, R] = _Waiting(change, weight, loop.create_future(), loop.time())
        batches = self._batches.get(stream)
        if batches is None:
            batches = self._batches[stream] = Batches()
            task = loop.create_task(self._serve(stream, batches), name=f"changes of {stream}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        batches.add(waiting)
        timer = loop.call_later(PATIENCE, waiting.give_up)
        try:
            return await waiting.answer
        finally:
            timer.cancel()

    async def _serve(self, stream: str, batches: Batches[C, R]) -> None:
        """Until nobody waits any more."""
        try:
            while batches.take():
                try:
                    await self._perform(stream, batches)
                except Exception as error:  # noqa: BLE001 - raised again where each change was asked for
                    batches.refuse(error)
        finally:
            del self._batches[stream]
            batches.abandon()


def _next(queue: "deque[_Waiting[C, R]]") -> "list[_Waiting[C, R]]":
    some: list[_Waiting[C, R]] = []
    weight = 0
    while queue and len(some) < TOGETHER and weight < HEAVY:
        if some and queue[0].alone:
            break
        waiting = queue.popleft()
        if not waiting.answer.done():
            waiting.begun = True
            weight += waiting.weight
            some.append(waiting)
            if waiting.alone:
                break
    return some
