"""The limit on requests per second of a directory. Each daemon counts for itself, in memory."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from calscim.clock import Clock
from calscim.errors import ScimError

# Seconds' worth of requests that may arrive at once: an identity provider that sends 25 at the end of a second and 25
# at the beginning of the next keeps to 25 per second.
BURST = 2.0


@dataclass(slots=True)
class Rates:
    """Counts the requests of directories.

    ``default``: the requests per second of a directory without its own limit. None: no limit.
    """

    clock: Clock
    default: int | None
    _own: Mapping[str, int | None] = field(default_factory=dict)
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)  # requests, and the time

    def set(self, own: Mapping[str, int | None]) -> None:
        """Set the limits of directories that have their own. None: no limit, whatever the default is."""
        self._own = own

    def count(self, directory: str) -> None:
        """Count a request. Raise ScimError(429) if the directory has sent too many."""
        rate = self._own.get(directory, self.default)
        if rate is None:
            return
        now = self.clock.monotonic()
        limit = rate * BURST
        left, at = self._left.get(directory, (limit, now))
        left = min(limit, left + (now - at) * rate)
        if left < 1:
            self._left[directory] = (left, now)
            raise ScimError(
                429,
                f"this directory may send {rate} requests per second: wait, then send the request again",
                headers={"Retry-After": str(math.ceil((1 - left) / rate))},
            )
        self._left[directory] = (left - 1, now)
