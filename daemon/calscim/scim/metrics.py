"""The Prometheus metrics of the SCIM server."""

from collections.abc import Callable
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The metrics of all directories of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "calscim_scim_requests",
            "SCIM requests by status",
            ["directory", "method", "resource", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "calscim_scim_request_seconds",
            "Time to respond to a SCIM request",
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.6, 2.5, 10),
        )
        self._seq = Gauge(
            "calscim_journal_seq",
            "The last journal row that this process wrote",
            ["directory"],
            registry=registry,
        )
        self._throttled = Counter(
            "calscim_scim_throttled",
            "SCIM requests refused because their directory sent too many requests or bytes at once",
            ["directory", "reason"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "calscim_scim_bytes_in_flight",
            "Bytes of SCIM request bodies that are read and handled at the moment",
            registry=registry,
        )
        self._refused_tokens = Counter(
            "calscim_tokens_refused",
            "Requests with no or an invalid token; directory is the token's, empty for an unknown token",
            ["directory", "reason"],
            registry=registry,
        )
        for reason in ("missing", "unknown"):  # from 0 on: Prometheus sees the first one increase
            self._refused_tokens.labels("", reason)
        # A look-up by labels takes a lock, and longer than counting.
        self._count = lru_cache(maxsize=4096)(self._requests.labels)
        self._journal_seq = lru_cache(maxsize=4096)(self._seq.labels)

    def throttled(self, directory: str, reason: str) -> None:
        """Count a refused request."""
        self._throttled.labels(directory, reason).inc()

    def refused_token(self, directory: str, reason: str) -> None:
        """Count a refused token. ``reason``: missing, unknown, expired, revoked or wrong_directory."""
        self._refused_tokens.labels(directory, reason).inc()

    def in_flight(self, read_bytes: Callable[[], float]) -> None:
        """Call ``read_bytes`` whenever the metrics are read."""
        self._in_flight.set_function(read_bytes)

    def count_request(
        self,
        directory: str,
        method: str,
        resource: str,
        status: int,
        seconds: float,
        seq: int | None,
    ) -> None:
        """Count a request, and note the journal row that it wrote."""
        self._count(directory, method, resource, str(status)).inc()
        self._seconds.observe(seconds)
        if seq is not None:
            self._journal_seq(directory).set(seq)
