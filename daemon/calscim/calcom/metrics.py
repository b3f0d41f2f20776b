"""What Prometheus is told of calls to Cal.com."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """One set for all organizations of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "calscim_calcom_requests",
            "Calls to Cal.com's API; status none: no answer came",
            ["organization", "method", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "calscim_calcom_request_seconds",
            "How long Cal.com took to answer",
            ["organization"],
            registry=registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self._remaining = Gauge(
            "calscim_ratelimit_remaining",
            "Calls left in the present window of the API key",
            ["organization"],
            registry=registry,
        )

    def called(self, organization: str, method: str, status: str, seconds: float) -> None:
        self._calls.labels(organization, method, status).inc()
        self._seconds.labels(organization).observe(seconds)

    def left(self, organization: str, remaining: int) -> None:
        self._remaining.labels(organization).set(remaining)
