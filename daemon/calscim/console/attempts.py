"""Limits failed sign-ins by client address."""

from collections import OrderedDict

from calscim.clock import Clock
from calscim.scim.client_address import client_network

LIMIT = 10  # failed sign-ins of one address within
WINDOW = 60.0  # seconds
_REMEMBERED = 10_000  # addresses


class FailedSignIns:
    """Counts failed sign-ins."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def is_blocked(self, remote: str) -> bool:
        """Return True if too many sign-ins failed from this address a moment ago."""
        since = self._clock.monotonic() - WINDOW
        recent = [at for at in self._failed.get(client_network(remote), ()) if at > since]
        return len(recent) >= LIMIT

    def note(self, remote: str) -> None:
        """Count a failed sign-in."""
        key = client_network(remote)
        now = self._clock.monotonic()
        recent = [at for at in self._failed.pop(key, []) if at > now - WINDOW]
        self._failed[key] = [*recent, now][-LIMIT:]
        while len(self._failed) > _REMEMBERED:
            self._failed.popitem(last=False)
