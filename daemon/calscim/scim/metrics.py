"""What Prometheus is told of SCIM."""

from collections.abc import Callable
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """One set for all directories of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "calscim_scim_requests",
            "SCIM requests that were answered",
            ["directory", "method", "resource", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "calscim_scim_request_seconds",
            "How long answering took",
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
            "SCIM requests that were refused because their directory asked for too much at once",
            ["directory", "reason"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "calscim_scim_bytes_in_flight",
            "Bytes of request bodies that are being read and handled",
            registry=registry,
        )
        # Finding a child by its labels takes a lock and longer than counting.
        self._count = lru_cache(maxsize=4096)(self._requests.labels)
        self._head = lru_cache(maxsize=4096)(self._seq.labels)

    def throttled(self, directory: str, reason: str) -> None:
        self._throttled.labels(directory, reason).inc()

    def in_flight(self, taken: Callable[[], float]) -> None:
        """Ask ``taken`` whenever the metrics are read."""
        self._in_flight.set_function(taken)

    def answered(
        self,
        directory: str,
        method: str,
        resource: str,
        status: int,
        seconds: float,
        seq: int | None,
    ) -> None:
        self._count(directory, method, resource, str(status)).inc()
        self._seconds.observe(seconds)
        if seq is not None:
            self._head(directory).set(seq)
