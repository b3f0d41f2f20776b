"""Counts failed authentications by client, to slow down guessing. A valid token is never delayed.

An attacker who changes addresses cannot empty the counters: each counter lives for its minute, and when the table is
full, further clients share one counter.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from calscim.clock import Clock
from calscim.scim.client_address import client_network

# Per client and minute: far more than typing errors, far fewer than guessing takes.
MAX_FAILURES = 30
WINDOW = 60.0  # seconds
MAX_CLIENTS = 20_000  # about 5 MB; more than 300 new clients a second fill the table
_OTHERS = "others"


@dataclass(slots=True)
class Failures:
    """The failed authentications of the last minute."""

    clock: Clock
    limit: int = MAX_FAILURES  # for each client and minute
    _counts: "OrderedDict[str, tuple[float, int]]" = field(default_factory=OrderedDict)

    def wait(self, remote: str) -> int | None:
        """Return the seconds until the client may try again, or None if it may try now."""
        since, count = self._counts.get(self._key(remote), (0.0, 0))
        left = since + WINDOW - self.clock.monotonic()
        return int(left) + 1 if count >= self.limit and left > 0 else None

    def count(self, remote: str) -> None:
        """Count a failed authentication."""
        now = self.clock.monotonic()
        self._drop_old(now)
        key = self._key(remote)
        since, count = self._counts.get(key, (now, 0))
        if now - since > WINDOW:
            since, count = now, 0
            self._counts.pop(key, None)
        self._counts[key] = (since, count + 1)

    def _key(self, remote: str) -> str:
        key = client_network(remote)
        return key if key in self._counts or len(self._counts) < MAX_CLIENTS else _OTHERS

    def _drop_old(self, now: float) -> None:
        """Drop the counters whose minute is over. The oldest counters come first."""
        while self._counts:
            key, (since, _) = next(iter(self._counts.items()))
            if now - since <= WINDOW:
                return
            del self._counts[key]
