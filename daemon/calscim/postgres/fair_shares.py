"""Shares a pool's connections among directories: no directory has more than half of them while others wait.

A single directory can use all connections. Long statements would still delay another directory, so that searches
without an index also need a place of their own: all but one of the pool's connections for a single directory, half of
them if there are others.
"""

import asyncio
from collections import OrderedDict, deque
from contextvars import ContextVar
from dataclasses import dataclass, field

# The directory that a task works for; "" for the daemon, and before authentication. A context variable, because
# statements are sent far below the code that knows the directory. A task inherits it.
BORROWER: ContextVar[str] = ContextVar("BORROWER", default="")
# Seconds after its last statement in which a directory still counts as active: an identity provider that pushes
# changes or reads pages sends a request every few seconds.
PRESENT = 60.0


@dataclass(slots=True)
class Places:
    """A number of places, which borrowers take and return."""

    size: int
    taken: int = 0
    _held: dict[str, int] = field(default_factory=dict)
    _waiting: "OrderedDict[str, deque[asyncio.Future[None]]]" = field(default_factory=OrderedDict)

    @property
    def awaited(self) -> bool:
        """Return True if a request waits for a place."""
        return bool(self._waiting)

    @property
    def waiting(self) -> int:
        """Return how many tasks wait for a place."""
        return sum(map(len, self._waiting.values()))

    def is_owed(self, borrower: str) -> bool:
        """Return True if a borrower has less than its half."""
        return self._held.get(borrower, 0) < max(1, self.size // 2)

    async def take(self, borrower: str, patience: float) -> None:
        """Wait for a place. Raise TimeoutError after ``patience`` seconds."""
        if borrower not in self._waiting and self._is_free_for(borrower):
            self._give(borrower)
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(borrower, deque()).append(place)
        try:
            async with asyncio.timeout(patience):
                await place
        except BaseException:
            if place.done() and not place.cancelled():  # it was handed out meanwhile
                self.give_back(borrower)
            else:
                self._forget(borrower, place)
                self._hand_out()
            raise

    def give_back(self, borrower: str) -> None:
        self.taken -= 1
        self._held[borrower] -= 1
        if not self._held[borrower]:
            del self._held[borrower]
        self._hand_out()

    def resize(self, size: int) -> None:
        """Change the number of places. Borrowed places stay borrowed."""
        if size != self.size:
            self.size = size
            self._hand_out()

    def _is_free_for(self, borrower: str) -> bool:
        if self.taken >= self.size:
            return False
        return self.is_owed(borrower) or not (self._waiting.keys() - {borrower})

    def _give(self, borrower: str) -> None:
        self.taken += 1
        self._held[borrower] = self._held.get(borrower, 0) + 1

    def _hand_out(self) -> None:
        """Give free places to the directories with the fewest, and among them to the longest waiting request."""
        while self._waiting:
            borrower = min(self._waiting, key=lambda name: self._held.get(name, 0))
            if not self._is_free_for(borrower):
                return
            place = self._waiting[borrower][0]
            self._forget(borrower, place)
            if not place.done():
                self._give(borrower)
                place.set_result(None)

    def _forget(self, borrower: str, place: "asyncio.Future[None]") -> None:
        places = self._waiting.get(borrower)
        if places is None or place not in places:
            return
        places.remove(place)
        if places:
            self._waiting.move_to_end(borrower)
        else:
            del self._waiting[borrower]


@dataclass(slots=True)
class Present:
    """The two directories that sent the latest statements, to tell whether more than one is active."""

    _last: str = ""
    _at: float = -PRESENT
    _before: float = -PRESENT  # the last statement of a directory other than ``_last``

    def note(self, borrower: str, now: float) -> None:
        if not borrower:
            return
        if borrower != self._last:
            self._before = self._at
            self._last = borrower
        self._at = now

    def is_alone(self, borrower: str, now: float) -> bool:
        """Return True if no other directory was active a moment ago."""
        other = self._before if borrower == self._last else self._at
        return now - other > PRESENT
