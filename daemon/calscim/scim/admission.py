"""Whether a request of a valid token is handled now: by the bytes that are in flight."""

from dataclasses import dataclass

from aiohttp import web

from calscim.errors import ScimError
from calscim.scim.flight import BODIES, InFlight, Load, announced
from calscim.scim.metrics import Metrics


@dataclass(slots=True)
class Admission:
    """``most``: the bytes of the largest body."""

    most: int
    metrics: Metrics
    flight: InFlight

    @classmethod
    def of(cls, max_body_bytes: int, metrics: Metrics) -> "Admission":
        flight = InFlight(BODIES * max_body_bytes)
        metrics.in_flight(lambda: flight.taken)
        return cls(max_body_bytes, metrics, flight)

    def admit(self, directory: str, request: web.Request) -> Load:
        """What the request holds until its ``end()``. ScimError 429 or 503 with Retry-After otherwise."""
        try:
            return self.flight.take(directory, announced(request, self.most))
        except ScimError:
            self.metrics.throttled(directory, "bytes")
            raise


# Where an application has its own, for what changes or shows it.
ADMISSION = web.AppKey("ADMISSION", Admission)
