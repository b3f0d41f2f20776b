"""Count failed authentications by client, so that guessing is slow. A valid token is never held up by it.

An attacker who changes addresses cannot empty the counters: a counter is dropped when its minute is over and not
earlier, and clients for whom there is no room share one counter.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from calscim.clock import Clock
from calscim.scim.client_address import client_network

# A minute and client: far more than a person's typing errors, far fewer than guessing needs.
FAILURES = 30
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
        """Drop counters whose minute is over. They are in the order in which their minutes began."""
        while self._counts:
            key, (since, _) = next(iter(self._counts.items()))
            if now - since <= WINDOW:
                return
            del self._counts[key]
