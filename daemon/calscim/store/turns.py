"""Changes of one directory take turns, and those that wait while one is made are made together.

The head row would put them in order anyway, but waiting for a row lock costs the server more than the change,
and each commit waits for the disk. So one change at a time is sent, or as many as have come meanwhile: they
share a transaction and its wait. Measured in docs/decisions/0005-turns.md.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from calscim.errors import StoreUnavailable

PATIENCE = 1.5  # seconds in the queue, while the changes in front do not end
TOGETHER = 16  # changes in one transaction
HEAVY = 128 * 1024  # bytes of requests after which no more are taken along

C = TypeVar("C")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[C, R]):
    change: C
    weight: int
    answer: asyncio.Future[R]
    begun: bool = False

    def give_up(self) -> None:
        """What was not sent yet is not made."""
        if not self.begun and not self.answer.done():
            self.answer.set_exception(
                StoreUnavailable(
                    "changes of this directory wait for one that does not end; see pg_stat_activity"
                )
            )


class Turns(Generic[C, R]):
    """A queue for each stream, in order of arrival. ``perform`` makes some changes and answers in their order."""

    def __init__(self, perform: Callable[[str, Sequence[C]], Awaitable[Sequence[R]]]) -> None:
        self._perform = perform
        self._queues: dict[str, deque[_Waiting[C, R]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, stream: str, change: C, weight: int = 0) -> R:
        """Make a change in its turn. StoreUnavailable when the queue does not move in time.

        A caller that goes away leaves a change that was sent to its end.
        """
        loop = asyncio.get_running_loop()
        waiting: _Waiting[C, R] = _Waiting(change, weight, loop.create_future())
        queue = self._queues.get(stream)
        if queue is None:
            queue = self._queues[stream] = deque()
            task = loop.create_task(self._serve(stream, queue), name=f"changes of {stream}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.append(waiting)
        timer = loop.call_later(PATIENCE, waiting.give_up)
        try:
            return await waiting.answer
        finally:
            timer.cancel()

    async def _serve(self, stream: str, queue: "deque[_Waiting[C, R]]") -> None:
        """Until nobody waits any more."""
        try:
            while queue:
                if some := _next(queue):
                    await self._make(stream, some)
        finally:
            del self._queues[stream]
            for waiting in queue:
                waiting.answer.cancel()

    async def _make(self, stream: str, some: "list[_Waiting[C, R]]") -> None:
        try:
            answers = await self._perform(stream, [waiting.change for waiting in some])
        except StoreUnavailable as error:
            for waiting in some:
                _refuse(waiting, StoreUnavailable(str(error)))
        except Exception as error:  # noqa: BLE001 - raised again where each change was asked for
            if len(some) == 1:
                _refuse(some[0], error)
                return
            for waiting in some:  # one that cannot be made does not take the others with it
                await self._make(stream, [waiting])
        else:
            for waiting, answer in zip(some, answers, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)


def _next(queue: "deque[_Waiting[C, R]]") -> "list[_Waiting[C, R]]":
    some: list[_Waiting[C, R]] = []
    weight = 0
    while queue and len(some) < TOGETHER and weight < HEAVY:
        waiting = queue.popleft()
        if not waiting.answer.done():
            waiting.begun = True
            weight += waiting.weight
            some.append(waiting)
    return some


def _refuse(waiting: "_Waiting[C, R]", error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
