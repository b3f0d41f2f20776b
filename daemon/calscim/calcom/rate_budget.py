"""The number of calls that an API key has left, as Cal.com announces it and as calscim counts it.

Cal.com allows a number of calls in a fixed window that starts with its first call, and blocks the key for a while once
the number is exceeded. All programs with the same key share the number. This module only counts: it has no clock
(``now`` is any monotonic number of seconds) and does not wait.
"""

from math import ceil

WINDOW = 60.0  # seconds; Cal.com's default limit
SKEW = 2.0  # seconds; two announced ends this close together belong to one window
MARGIN = 0.25  # seconds added to an announced end, which may be rounded down
RESERVE = 2  # calls left to other programs, and to calls under way
TICK = 1e-6  # seconds; the rounding error of sums of floats


class Budget:
    """The calls left. Call ``delay``, then ``take`` a call, send it, then ``apply_headers`` of the response.

    Bursts are allowed while calls are left. A small reserve is never used, so that another program with the same key
    does not cause a block.
    """

    __slots__ = (
        "_allowed",
        "_cap",
        "_left",
        "_previous_end",
        "_short_at",
        "_short_since",
        "_taken",
        "_window_end",
        "blocked_until",
        "limit",
    )

    def __init__(self, per_minute: int) -> None:
        if per_minute < 1:
            raise ValueError(
                "a budget needs at least one call per minute: raise requests_per_minute"
            )
        self._cap = per_minute
        self._allowed: int | None = None  # Cal.com's limit in the last response
        self.limit = per_minute  # calls per window: the lower of Cal.com's and the configured limit
        self.blocked_until = float("-inf")
        self._left = per_minute
        self._window_end: float | None = None  # of the current window; None: no window has begun
        self._previous_end = float("-inf")
        self._taken = (
            per_minute  # own calls of this window; unknown at the start, so no shortage is seen
        )
        self._short_since: float | None = None
        self._short_at = 0.0

    def delay(self, now: float, *, keep: int = 0) -> float:
        """Return the seconds until the next call may be sent, 0 if it may be sent now.

        ``keep`` calls of each window stay unused besides the reserve, for more urgent work than the caller's.
        """
        if now + TICK < self.blocked_until:
            return self.blocked_until - now
        if self.remaining(now) > min(self.reserve + keep, self.limit - 1):
            return 0.0
        if keep == 0:
            self._note_shortage(now)
        return self.resets_in(now)

    def short_since(self, now: float) -> float | None:
        """Return since when other programs leave less than half of the calls, although calscim has to wait.

        None again after two minutes without such a wait, or when calscim used half of the calls itself.
        """
        return self._short_since if now - self._short_at < 2 * WINDOW else None

    def _note_shortage(self, now: float) -> None:
        if 2 * self._taken >= self.limit - self.reserve:
            self._short_since = None
            return
        self._short_since = now if self.short_since(now) is None else self._short_since
        self._short_at = now

    def take(self, now: float) -> None:
        """Count a call that is about to be sent."""
        self._roll(now)
        if self._window_end is None:
            self._window_end = now + WINDOW + MARGIN
        self._left = max(0, self._left - 1)
        self._taken += 1

    def apply_headers(
        self, now: float, *, limit: int | None, remaining: int | None, reset_in: float | None
    ) -> None:
        """Apply the X-RateLimit headers of a response if they are stricter than the own count.

        A response of the previous window is recognized by its end and changes nothing. A daemon that restarts applies
        the stored state in the same way.
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
        window_end = now + max(0.0, reset_in) + MARGIN
        if abs(window_end - self._previous_end) <= SKEW:
            return
        if (
            self._window_end is not None and window_end > self._window_end + SKEW
        ):  # a window began without a response
            self._left = self.limit - 1
            self._taken = 1
            self._previous_end = min(self._window_end, now)
            self._window_end = window_end
        self._window_end = (
            window_end if self._window_end is None else self._corrected_end(window_end)
        )
        self._left = min(self._left, max(0, remaining))

    def set_cap(self, per_minute: int) -> None:
        """Set the configured limit. The calls that the current window has used stay counted."""
        if per_minute < 1:
            raise ValueError(
                "a budget needs at least one call per minute: raise requests_per_minute"
            )
        used = self.limit - self._left
        self._cap = per_minute
        self.limit = per_minute if self._allowed is None else min(per_minute, self._allowed)
        self._left = max(0, self.limit - used)

    def block(self, now: float, retry_in: float) -> None:
        """Allow no call for ``retry_in`` seconds, after a 429."""
        self._roll(now)
        self.blocked_until = max(self.blocked_until, now + max(0.0, retry_in) + MARGIN)
        self._window_end = self.blocked_until
        self._left = 0

    def remaining(self, now: float) -> int:
        """Return the calls left in the current window, including the reserve."""
        return self.limit if self._has_ended(now) else self._left

    def resets_in(self, now: float) -> float:
        """Return the seconds until the current window ends, 0 if no window is running."""
        return 0.0 if self._window_end is None else max(0.0, self._window_end - now)

    @property
    def reserve(self) -> int:
        """Return the calls of each window that are never used: at most a tenth of the limit."""
        return min(RESERVE, self.limit // 10)

    def estimate(self, now: float, calls: int) -> float:
        """Return the seconds until the last of so many calls may be sent, if no other program uses the key."""
        at_once = max(0, self.remaining(now) - self.reserve)
        if now < self.blocked_until:
            at_once = 0
        if calls <= at_once:
            return 0.0
        windows = ceil((calls - at_once) / (self.limit - self.reserve))
        return (self.resets_in(now) or WINDOW) + (windows - 1) * WINDOW

    def _corrected_end(self, window_end: float) -> float:
        """Return the end of the current window after one more announcement.

        An announcement may be rounded up or down, so the latest of several close ones applies. One that is clearly
        earlier corrects an assumed end.
        """
        assert self._window_end is not None
        return (
            max(self._window_end, window_end)
            if abs(window_end - self._window_end) <= SKEW
            else window_end
        )

    def _has_ended(self, now: float) -> bool:
        return self._window_end is not None and now + TICK >= self._window_end

    def _roll(self, now: float) -> None:
        if self._has_ended(now):
            assert self._window_end is not None
            self._previous_end = self._window_end
            self._window_end = None
            self._left = self.limit
            self._taken = 0
