"""Cal.com's rate limit: so many calls in a window that starts with its first, then a block."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

WINDOW = 60.0
BLOCK = 60.0


@dataclass(slots=True)
class Throttle:
    """``limit`` None: there is none, and no headers."""

    limit: int | None
    clock: Callable[[], float]
    name: str = "Default"
    refused: int = 0
    _ends: float = float("-inf")
    _used: int = 0
    _blocked_until: float = float("-inf")

    def take(self) -> tuple[dict[str, str], bool]:
        """The headers of the answer to one more call, and whether it is let through."""
        if self.limit is None:
            return {}, True
        now = self.clock()
        if now < self._blocked_until:
            self.refused += 1
            return self._headers(0, self._blocked_until - now), False
        if now >= self._ends:
            self._ends, self._used = now + WINDOW, 0
        self._used += 1
        if self._used > self.limit:
            self._blocked_until, self._ends = now + BLOCK, now
            self.refused += 1
            return self._headers(0, BLOCK), False
        return self._headers(self.limit - self._used, self._ends - now), True

    def _headers(self, remaining: int, reset: float) -> dict[str, str]:
        return {
            f"X-RateLimit-Limit-{self.name}": str(self.limit),
            f"X-RateLimit-Remaining-{self.name}": str(remaining),
            f"X-RateLimit-Reset-{self.name}": str(ceil(reset)),
        }
