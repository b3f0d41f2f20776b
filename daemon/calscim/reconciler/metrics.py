"""The reconciler's Prometheus metrics. Their names are part of the interface."""

from contextlib import suppress
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from calscim.clock import Clock, SystemClock
from calscim.reconciler.report import Report

DIRECTIONS = ("missing", "surplus", "role")


class Metrics:
    """The metrics of all organizations of the process."""

    def __init__(self, registry: CollectorRegistry, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._pending_since: dict[str, datetime | None] = {}
        self._seconds = Histogram(
            "calscim_reconcile_seconds",
            "How long passes took",
            ["organization", "scope"],
            registry=registry,
            buckets=(0.05, 0.2, 1, 5, 20, 60, 300, 1200),
        )
        self._drift = Gauge(
            "calscim_drift_edges",
            "Differences that no push explains, in the last full pass of the lease's holder",
            ["organization", "direction"],
            registry=registry,
        )
        self._actions = Counter(
            "calscim_actions",
            "Changes of Cal.com that were attempted",
            ["organization", "kind", "outcome"],
            registry=registry,
        )
        self._oldest = Gauge(
            "calscim_oldest_pending_seconds",
            "Age of the oldest push that is not in Cal.com yet, on the lease's holder; 0 if there is none",
            ["organization"],
            registry=registry,
        )
        self._lease = Gauge(
            "calscim_lease_held",
            "1 where this process reconciles the organization",
            ["organization"],
            registry=registry,
        )

    def passed(self, organization: str, report: Report) -> None:
        self._seconds.labels(organization, report.scope).observe(report.seconds)
        for (kind, outcome), count in report.outcomes.items():
            self._actions.labels(organization, kind.value, outcome.value).inc(count)
        if report.scope == "full" and report.complete:
            for direction in DIRECTIONS:
                self._drift.labels(organization, direction).set(report.drift[direction])

    def pending(self, organization: str, since: datetime | None) -> None:
        """Set since when the oldest push waits; its age grows with every scrape until ``since`` is None."""
        if organization not in self._pending_since:
            self._oldest.labels(organization).set_function(lambda: self._age(organization))
        self._pending_since[organization] = since

    def _age(self, organization: str) -> float:
        since = self._pending_since[organization]
        return 0.0 if since is None else (self._clock.now() - since).total_seconds()

    def lease(self, organization: str, *, held: bool) -> None:
        """Record whether this process holds the lease. Without it, its view of drift says nothing."""
        self._lease.labels(organization).set(held)
        if not held:
            for direction in DIRECTIONS:
                with suppress(KeyError):  # there was no pass yet
                    self._drift.remove(organization, direction)
