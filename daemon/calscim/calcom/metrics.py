"""The Prometheus metrics of calls to Cal.com."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The metrics of all organizations of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "calscim_calcom_requests",
            "Calls to Cal.com's API; status none: no response arrived",
            ["organization", "method", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "calscim_calcom_request_seconds",
            "Time that Cal.com took to respond",
            ["organization"],
            registry=registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self._remaining = Gauge(
            "calscim_ratelimit_remaining",
            "Calls left in the current window of the API key, as this process counts them",
            ["organization"],
            registry=registry,
        )

    def count_call(self, organization: str, method: str, status: str, seconds: float) -> None:
        self._calls.labels(organization, method, status).inc()
        self._seconds.labels(organization).observe(seconds)

    def follow_budget(self, organization: str, remaining: Callable[[], float]) -> None:
        """Call ``remaining`` whenever the metrics are read: the budget also changes without a call."""
        self._remaining.labels(organization).set_function(remaining)
