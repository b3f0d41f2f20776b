"""Count failed authentications by client, so that guessing is slow. A valid token is never held up by it.

An attacker who changes addresses cannot empty the counters: they are dropped when their minute is over and not before,
and clients for whom there is no room share one counter.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from calscim.clock import Clock
from calscim.scim.client_address import client_network

FAILURES = (
    30  # a minute and client: far more than a person's typing errors, far fewer than guessing needs
)
WINDOW = 60.0  # seconds
COUNTED = 20_000  # clients, some 5 MB; more than 300 new ones a second fill it
_OTHERS = "others"


@dataclass(slots=True)
class Failures:
    clock: Clock
    _counts: "OrderedDict[str, tuple[float, int]]" = field(default_factory=OrderedDict)

    def wait(self, remote: str) -> int | None:
        """Return the seconds until the client may fail again; None if it may now."""
        since, count = self._counts.get(self._key(remote), (0.0, 0))
        left = since + WINDOW - self.clock.monotonic()
        return int(left) + 1 if count >= FAILURES and left > 0 else None

    def count(self, remote: str) -> None:
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
        return key if key in self._counts or len(self._counts) < COUNTED else _OTHERS

    def _drop_old(self, now: float) -> None:
        """The oldest come first: an entry keeps its place, and one that begins anew goes to the end."""
        while self._counts:
            key, (since, _) = next(iter(self._counts.items()))
            if now - since <= WINDOW:
                return
            del self._counts[key]
