"""Computes the waits between repeated tries, and decides when a lasting failure is logged.

A pass that could not read what it needed, a key that Cal.com refuses, an unreachable database: each is tried again
after ``Backoff.next`` seconds, and logged only when ``Notice.is_news`` says so. A new kind of failure takes both.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

SHORTEST, LONGEST = 1.0, 30.0  # seconds between two tries
REMINDER = 3600.0  # seconds after which an unchanged state is logged again


@dataclass(slots=True)
class Backoff:
    """Growing waits between two tries. ``jitter``: at least 0 and below 1."""

    jitter: Callable[[], float]
    failures: int = 0

    def next(self) -> float:
        """Count one more failure and return the seconds until the next try."""
        wait = SHORTEST * 2.0 ** min(self.failures, 10)
        self.failures += 1
        return min(LONGEST, max(SHORTEST, min(LONGEST, wait) * (0.75 + 0.5 * self.jitter())))

    def reset(self) -> None:
        self.failures = 0


@dataclass(slots=True)
class Notice:
    """Decides when a persisting state is logged: at its start, when it is a new one, and every hour.

    States that alternate, such as the errors of a database that starts, are logged once each.
    """

    _said_at: dict[str, float] = field(default_factory=dict)

    def is_news(self, state: str, now: float) -> bool:
        """Return True if ``state`` is to be logged now."""
        said_at = self._said_at.get(state)
        if said_at is not None and now - said_at < REMINDER:
            return False
        self._said_at[state] = now
        return True

    def end(self) -> bool:
        """End the state; return True if it was logged."""
        was = bool(self._said_at)
        self._said_at.clear()
        return was
