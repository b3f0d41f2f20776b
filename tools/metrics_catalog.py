"""Every metric that the daemon registers, with its labels. The reference page and tests read it."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from calscim.app.process_metrics import CertificateMetrics, ProcessMetrics
from calscim.app.state_metrics import FAMILIES
from calscim.app.token_watch import Metrics as TokenMetrics
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.journal.checkpoint_publisher import Metrics as CheckpointMetrics
from calscim.notify.notifications import Metrics as NotifyMetrics
from calscim.reconciler.metrics import Metrics as ReconcileMetrics
from calscim.scim.metrics import Metrics as ScimMetrics


@dataclass(frozen=True, slots=True)
class MetricDescription:
    """One metric. ``series``: the names that Prometheus stores."""

    name: str
    type: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def series(self) -> Mapping[str, frozenset[str]]:
        """Return the labels of each series by its name."""
        labels = frozenset(self.labels)
        if self.type == "histogram":
            return {
                f"{self.name}_bucket": labels | {"le"},
                f"{self.name}_sum": labels,
                f"{self.name}_count": labels,
            }
        return {self.name: labels}


def catalog() -> list[MetricDescription]:
    """Return all metrics, by name."""
    registry = CollectorRegistry()
    for metrics in (
        TokenMetrics,
        CallMetrics,
        CheckpointMetrics,
        NotifyMetrics,
        ReconcileMetrics,
        ScimMetrics,
    ):
        metrics(registry)
    ProcessMetrics(registry, {})
    CertificateMetrics(registry, lambda: None)
    labels = {
        collector._name: collector._labelnames  # noqa: SLF001 (a metric without samples does not show its labels)
        for collector in registry._collector_to_names  # noqa: SLF001
        if hasattr(collector, "_labelnames")
    }
    labels |= {name: names for name, names, _ in FAMILIES}
    found = [_described(family, labels.get(family.name, ())) for family in registry.collect()]
    found += [MetricDescription(name, "gauge", names, text) for name, names, text in FAMILIES]
    return sorted(found, key=lambda one: one.name)


def _described(family: Metric, labels: tuple[str, ...]) -> MetricDescription:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return MetricDescription(name, family.type, tuple(labels), family.documentation)


def series() -> dict[str, frozenset[str]]:
    """Return the labels of each series that Prometheus stores, by its name."""
    return {name: labels for metric in catalog() for name, labels in metric.series.items()}
