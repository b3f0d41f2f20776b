"""The rate limits of Cal.com: a number of calls in a window that starts with the first call, then a block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``calls`` calls in ``window`` seconds. One more blocks the key for ``block`` seconds."""

    name: str
    calls: int
    window: float = 60.0
    block: float = 60.0


class Throttle:
    """The limits of a key, each with its own headers. A call is refused only if every limit is used up."""

    def __init__(self, limits: int | Sequence[Limit] | None, clock: Callable[[], float]) -> None:
        """A number stands for a single limit, the default of a key. None: no limits and no headers."""
        if isinstance(limits, int):
            limits = (Limit("Default", limits),)
        self._counts = [_Count(limit) for limit in limits or ()]
        self._clock = clock
        self.refused = 0

    def take(self) -> tuple[dict[str, str], bool]:
        """Count a call. Return the headers of its response, and whether it is allowed."""
        now = self._clock()
        blocked = [count.take(now) for count in self._counts]
        headers: dict[str, str] = {}
        for count in self._counts:
            headers |= count.headers(now)
        is_refused = bool(blocked) and all(blocked)
        self.refused += is_refused
        return headers, not is_refused


@dataclass(slots=True)
class _Count:
    limit: Limit
    used: int = 0
    ends: float = float("-inf")
    blocked_until: float = float("-inf")

    def take(self, now: float) -> bool:
        """Count a call. Return True if this limit is used up."""
        if now < self.blocked_until:
            return True
        if now >= self.ends:
            self.ends, self.used = now + self.limit.window, 0
        self.used += 1
        if self.used <= self.limit.calls:
            return False
        self.blocked_until, self.ends = now + self.limit.block, now
        return True

    def headers(self, now: float) -> dict[str, str]:
        name = self.limit.name
        reset = max(self.ends, self.blocked_until) - now
        return {
            f"X-RateLimit-Limit-{name}": str(self.limit.calls),
            f"X-RateLimit-Remaining-{name}": str(max(0, self.limit.calls - self.used)),
            f"X-RateLimit-Reset-{name}": str(ceil(reset)),
        }
