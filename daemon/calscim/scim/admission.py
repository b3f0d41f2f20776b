"""Whether a request of a valid token is handled now: by its directory's rate, and by the bytes that are in flight."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from calscim.clock import Clock
from calscim.config import Scim
from calscim.errors import ScimError
from calscim.scim.flight import BODIES, InFlight, Load, announced
from calscim.scim.metrics import Metrics
from calscim.scim.rates import Rates


@dataclass(slots=True)
class Admission:
    """``most``: the bytes of the largest body."""

    most: int
    metrics: Metrics
    flight: InFlight
    rates: Rates
    _refused: Counter[str] = field(default_factory=Counter)  # by directory, not yet taken

    @classmethod
    def of(cls, settings: Scim, clock: Clock, metrics: Metrics) -> "Admission":
        flight = InFlight(BODIES * settings.max_body_bytes)
        metrics.in_flight(lambda: flight.taken)
        rates = Rates(clock, settings.requests_per_second)
        return cls(settings.max_body_bytes, metrics, flight, rates)

    def admit(self, directory: str, request: web.Request) -> Load:
        """What the request holds until its ``end()``. ScimError 429 or 503 with Retry-After otherwise."""
        reason = "rate"
        try:
            self.rates.count(directory)
            reason = "bytes"
            return self.flight.take(directory, announced(request, self.most))
        except ScimError:
            self.refuse(directory, reason)
            raise

    def refuse(self, directory: str, reason: str) -> None:
        """Count a request that is refused: ``reason`` is rate, bytes, connections or searches."""
        self.metrics.throttled(directory, reason)
        self._refused[directory] += 1

    def take_refused(self) -> dict[str, int]:
        """How many requests of each directory were refused since the last time."""
        taken, self._refused = dict(self._refused), Counter()
        return taken

    def put_refused(self, counts: Mapping[str, int]) -> None:
        """Give back what was taken in vain."""
        self._refused.update(counts)


# Where an application has its own, for what changes or shows it.
ADMISSION = web.AppKey("ADMISSION", Admission)
