"""How many calls an API key has left, as Cal.com tells it and as calscim counts it.

Cal.com allows a number of calls in a fixed window that starts with its first call, and blocks the
key for a while once that is passed. Every program with the same key shares the number. This room
only counts: it knows no clock (``now`` is any number of seconds that only grows) and waits for nobody.
"""

from math import ceil

WINDOW = 60.0  # seconds; Cal.com's default limit
SKEW = 2.0  # two announced ends of a window this close together are one window's
MARGIN = 0.25  # after an announced end, against an announcement that was rounded down
RESERVE = 2  # calls left to others, and to what is on its way
TICK = 1e-6  # seconds; sums of floats may miss a moment by less than this


class Budget:
    """Ask ``delay``, then ``take`` one call, send it, then tell what was ``answered``.

    Bursts are allowed while something remains. A small reserve is never used, so that another
    program with the same key does not get the two of them blocked.
    """

    __slots__ = ("_allowed", "_cap", "_ends", "_left", "_previous_end", "blocked_until", "limit")

    def __init__(self, per_minute: int) -> None:
        if per_minute < 1:
            raise ValueError("a budget needs at least one call a minute; raise requests_per_minute")
        self._cap = per_minute
        self._allowed: int | None = None  # Cal.com's limit, as the last answer had it
        self.limit = per_minute  # calls a window: Cal.com's limit, or the configured one if lower
        self.blocked_until = float("-inf")
        self._left = per_minute
        self._ends: float | None = None  # of the present window; None: none has begun
        self._previous_end = float("-inf")

    def delay(self, now: float, *, keep: int = 0) -> float:
        """Seconds until the next call may be sent; 0 means at once.

        ``keep`` calls of each window are left alone besides the reserve: for work that must not
        stand in the way of more urgent work.
        """
        if now + TICK < self.blocked_until:
            return self.blocked_until - now
        if self.remaining(now) > min(self.reserve + keep, self.limit - 1):
            return 0.0
        return self.resets_in(now)

    def take(self, now: float) -> None:
        """Count one call that is about to be sent."""
        self._roll(now)
        if self._ends is None:
            self._ends = now + WINDOW + MARGIN
        self._left = max(0, self._left - 1)

    def answered(
        self, now: float, *, limit: int | None, remaining: int | None, reset_in: float | None
    ) -> None:
        """Believe an answer's X-RateLimit headers where they are stricter than the own count.

        An answer of the window before this one is recognised by its end and changes nothing. Also
        the way to go on from a stored state after a restart.
        """
        self._roll(now)
        if limit is not None and limit > 0:
            self._allowed = limit
            self.limit = min(self._cap, limit)
            self._left = min(self._left, self.limit)
        if now < self.blocked_until or remaining is None:
            return
        if reset_in is None:
            self._left = min(self._left, max(0, remaining))
            return
        ends = now + max(0.0, reset_in) + MARGIN
        if abs(ends - self._previous_end) <= SKEW:
            return
        if self._ends is not None and ends > self._ends + SKEW:  # a window began unseen
            self._left = self.limit - 1
            self._previous_end = min(self._ends, now)
            self._ends = ends
        self._ends = ends if self._ends is None else self._closer(ends)
        self._left = min(self._left, max(0, remaining))

    def cap(self, per_minute: int) -> None:
        """Use another upper bound of one's own; what the present window has used stays counted."""
        if per_minute < 1:
            raise ValueError("a budget needs at least one call a minute; raise requests_per_minute")
        used = self.limit - self._left
        self._cap = per_minute
        self.limit = per_minute if self._allowed is None else min(per_minute, self._allowed)
        self._left = max(0, self.limit - used)

    def throttled(self, now: float, retry_in: float) -> None:
        """Cal.com answered 429: nothing may be sent for ``retry_in`` seconds."""
        self._roll(now)
        self.blocked_until = max(self.blocked_until, now + max(0.0, retry_in) + MARGIN)
        self._ends = self.blocked_until
        self._left = 0

    def remaining(self, now: float) -> int:
        """Calls left in the present window, the reserve included."""
        return self.limit if self._over(now) else self._left

    def resets_in(self, now: float) -> float:
        """Seconds until the present window ends; 0 when none is running."""
        return 0.0 if self._ends is None else max(0.0, self._ends - now)

    @property
    def reserve(self) -> int:
        """Calls of every window that are never used; a tenth of a very small limit."""
        return min(RESERVE, self.limit // 10)

    def estimate(self, now: float, calls: int) -> float:
        """Seconds until the last of so many calls may be sent, if nobody else uses the key."""
        at_once = max(0, self.remaining(now) - self.reserve)
        if now < self.blocked_until:
            at_once = 0
        if calls <= at_once:
            return 0.0
        windows = ceil((calls - at_once) / (self.limit - self.reserve))
        return (self.resets_in(now) or WINDOW) + (windows - 1) * WINDOW

    def _closer(self, ends: float) -> float:
        """The end of the present window after one more announcement of it.

        An announcement may be rounded up or down, so the latest of those near each other holds; one
        that is clearly earlier corrects an end that was only assumed.
        """
        assert self._ends is not None
        return max(self._ends, ends) if abs(ends - self._ends) <= SKEW else ends

    def _over(self, now: float) -> bool:
        return self._ends is not None and now + TICK >= self._ends

    def _roll(self, now: float) -> None:
        if self._over(now):
            assert self._ends is not None
            self._previous_end = self._ends
            self._ends = None
            self._left = self.limit
