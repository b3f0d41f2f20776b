"""Write docs/reference/metrics.md from the metrics that the daemon registers (`make reference`)."""

import sys
from pathlib import Path

from prometheus_client import CollectorRegistry

from calscim.app.token_watch import Metrics as TokenMetrics
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.journal.publish import Metrics as CheckpointMetrics
from calscim.notify.notifications import Metrics as NotifyMetrics
from calscim.reconciler.metrics import Metrics as ReconcileMetrics
from calscim.scim.metrics import Metrics as ScimMetrics

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "metrics.md"
HEAD = """# Metrics

`GET /metrics` on `ops.listen` answers in the Prometheus text format. This page is generated from the code by
`make reference`. `config/prometheus-rules.yml` has alert rules and `config/grafana-dashboard.json` a dashboard that use
these metrics.

| Metric | Type | Labels | Meaning |
|---|---|---|---|
"""


def labels_of(registry: CollectorRegistry) -> dict[str, tuple[str, ...]]:
    """Return the label names of each metric that was registered, by the metric's name without a suffix."""
    collectors = registry._collector_to_names  # noqa: SLF001 (a metric without samples does not show its labels)
    return {collector._name: collector._labelnames for collector in collectors}  # noqa: SLF001


def page() -> str:
    """Return the whole page as Markdown."""
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
    labels = labels_of(registry)
    rows = []
    for metric in sorted(registry.collect(), key=lambda metric: metric.name):
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        named = ", ".join(f"`{label}`" for label in labels[metric.name]) or "none"
        rows.append(f"| `{name}` | {metric.type} | {named} | {metric.documentation} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} was written", file=sys.stderr)
