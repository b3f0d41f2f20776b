"""A limit on the requests of a directory in a second. Each daemon counts for itself, in memory."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from calscim.clock import Clock
from calscim.errors import ScimError

# Seconds' worth of requests that may come at once: a provider that sends its 25 at the end of one second and at the
# beginning of the next keeps to 25 a second.
BURST = 2.0


@dataclass(slots=True)
class Rates:
    """``default``: requests a second of a directory that has no own limit. None: no limit."""

    clock: Clock
    default: int | None
    _own: Mapping[str, int | None] = field(default_factory=dict)
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)  # requests, and when

    def set(self, own: Mapping[str, int | None]) -> None:
        """Replace the directories' own limits. None: no limit, whatever the default is."""
        self._own = own

    def count(self, directory: str) -> None:
        """Count one request. ScimError 429 if the directory has sent too many."""
        rate = self._own.get(directory, self.default)
        if rate is None:
            return
        now = self.clock.monotonic()
        most = rate * BURST
        left, at = self._left.get(directory, (most, now))
        left = min(most, left + (now - at) * rate)
        if left < 1:
            self._left[directory] = (left, now)
            raise ScimError(
                429,
                f"this directory may send {rate} requests a second: wait, and send the request again",
                headers={"Retry-After": str(math.ceil((1 - left) / rate))},
            )
        self._left[directory] = (left - 1, now)
