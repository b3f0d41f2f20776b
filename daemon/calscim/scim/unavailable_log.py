"""Logs that requests are answered with 503: once, and again every hour while it lasts, not for each request.

The line of each request, ``scim.request``, has its own reason.
"""

from dataclasses import dataclass, field
from typing import Any

import structlog

from calscim.clock import Clock

log = structlog.get_logger()

QUIET = 60.0  # seconds without a 503 after which the next one is logged again
REMINDER = 3600.0  # seconds


@dataclass(slots=True)
class UnavailableLog:
    """The log of one server. States are the kinds of failure, such as a refused connection or a full disk."""

    clock: Clock
    _logged_at: dict[str, float] = field(default_factory=dict)
    _last_at: float = float("-inf")
    _count: int = 0  # requests since the last line

    def note(self, error: BaseException, **request: Any) -> None:
        """Log the failure of a request, unless that has been logged."""
        now, kind = self.clock.monotonic(), type(error.__cause__).__name__
        if now - self._last_at > QUIET:
            self._logged_at.clear()
            self._count = 0
        self._last_at = now
        self._count += 1
        logged_at = self._logged_at.get(kind)
        if logged_at is not None and now - logged_at < REMINDER:
            return
        self._logged_at[kind] = now
        log.warning("scim.unavailable", reason=str(error), requests=self._count, **request)
        self._count = 0
