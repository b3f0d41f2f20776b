"""Admission of requests with a valid token: by the rate of the directory, and by the bytes in flight."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from calscim.clock import Clock
from calscim.config import Scim
from calscim.errors import ScimError
from calscim.scim.body_memory import MAX_BODIES, InFlight, Reservation, announced_size
from calscim.scim.metrics import Metrics
from calscim.scim.rates import Rates


@dataclass(slots=True)
class Admission:
    """Admits or refuses requests, and counts those refused."""

    max_body_bytes: int
    metrics: Metrics
    flight: InFlight
    rates: Rates
    _refused: Counter[str] = field(default_factory=Counter)  # by directory, since take_refused

    @classmethod
    def of(cls, settings: Scim, clock: Clock, metrics: Metrics) -> "Admission":
        flight = InFlight(MAX_BODIES * settings.max_body_bytes)
        metrics.in_flight(lambda: flight.taken)
        rates = Rates(clock, settings.requests_per_second)
        return cls(settings.max_body_bytes, metrics, flight, rates)

    def admit(self, directory: str, request: web.Request) -> Reservation:
        """Return the bytes that the request holds until ``release()``. Raise ScimError(429 or 503) to refuse it."""
        reason = "rate"
        try:
            self.rates.count(directory)
            reason = "bytes"
            return self.flight.reserve(directory, announced_size(request, self.max_body_bytes))
        except ScimError:
            self.refuse(directory, reason)
            raise

    def refuse(self, directory: str, reason: str) -> None:
        """Count a refused request. ``reason``: rate, bytes, connections or searches."""
        self.metrics.throttled(directory, reason)
        self._refused[directory] += 1

    def take_refused(self) -> dict[str, int]:
        """Return the number of refused requests of each directory since the last call."""
        taken, self._refused = dict(self._refused), Counter()
        return taken

    def put_refused(self, counts: Mapping[str, int]) -> None:
        """Add counts that could not be recorded."""
        self._refused.update(counts)


# The key of an application's own Admission, for the parts that configure or show it.
ADMISSION = web.AppKey("ADMISSION", Admission)
