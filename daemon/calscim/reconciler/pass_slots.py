"""Limits how many passes run at once, and orders the passes that wait.

A pass holds a slot while it works, and lends the slot to another pass while it waits for the rate limit or for a slow
answer of Cal.com. Passes start in the order of their due times. A periodic pass counts as due ``HANDICAP`` later, so
that pushes go first and periodic passes are not starved.
"""

import asyncio
import heapq
import itertools
from typing import Self

from calscim.clock import Clock

HANDICAP = 60.0  # seconds
LEND_AFTER = 0.5  # seconds that a call to Cal.com may take before its pass lends the slot


class PassSlots:
    """At most ``size`` slots are held at once."""

    def __init__(self, size: int, clock: Clock) -> None:
        self.clock = clock
        self._free = size
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    @property
    def is_crowded(self) -> bool:
        """Return True if an urgent pass waits, or if any pass has waited for long."""
        self._forget_done()
        return bool(self._waiting) and self._waiting[0][0] <= self.clock.monotonic()

    async def acquire(self, slot: "PassSlot") -> None:
        self._forget_done()
        if self._free and not self._waiting:
            self._free -= 1
            return
        turn = slot.turn = asyncio.get_running_loop().create_future()
        self.enqueue(slot)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise
        finally:
            slot.turn = None

    def enqueue(self, slot: "PassSlot") -> None:
        assert slot.turn is not None
        heapq.heappush(self._waiting, (slot.key, next(self._numbers), slot.turn))

    def release(self) -> None:
        self._forget_done()
        if self._waiting:
            heapq.heappop(self._waiting)[2].set_result(None)
        else:
            self._free += 1

    def _forget_done(self) -> None:
        while self._waiting and self._waiting[0][2].done():
            heapq.heappop(self._waiting)


class PassSlot:
    """One organization's slot: ``async with`` it to work, ``lent`` while Cal.com keeps the pass waiting."""

    def __init__(self, slots: PassSlots) -> None:
        self.key = 0.0
        self.turn: asyncio.Future[None] | None = None  # while the pass waits
        self.is_held = False
        self.has_begun = False  # the work, which goes on while the slot is lent
        self._slots = slots

    def be_due(self, at: float, *, is_urgent: bool) -> None:
        """Set the place in the queue. A waiting pass only moves forward."""
        key = at if is_urgent else at + HANDICAP
        if self.turn is None:
            self.key = key
        elif key < self.key:
            self.key = key
            self._slots.enqueue(self)

    async def __aenter__(self) -> Self:
        await self.take()
        self.has_begun = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.has_begun = False
        self.let_go()

    async def take(self) -> None:
        await self._slots.acquire(self)
        self.is_held = True

    def let_go(self) -> None:
        if self.is_held:
            self.is_held = False
            self._slots.release()

    def lent(self) -> "Lending":
        """Lend the slot to another pass once the block has waited for longer than ``LEND_AFTER``."""
        return Lending(self)


class Lending:
    """The context manager of ``lent``. A class, because a generator would slow down every call to Cal.com."""

    __slots__ = ("_had", "_slot", "_timer")

    def __init__(self, slot: PassSlot) -> None:
        self._slot = slot
        self._had = False
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        self._had = self._slot.is_held
        if self._had:
            self._timer = asyncio.get_running_loop().call_later(LEND_AFTER, self._slot.let_go)

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        ends = error is not None and not isinstance(error, Exception)  # canceled
        if self._had and not self._slot.is_held and not ends:
            self._slot.key = float("-inf")  # a pass that has begun goes first
            await self._slot.take()
