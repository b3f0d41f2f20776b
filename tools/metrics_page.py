"""Write docs/reference/metrics.md from the metrics that the daemon registers (`make reference`)."""

import sys
from pathlib import Path

from tools.metrics_catalog import catalog

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "metrics.md"
HEAD = """# Metrics

`GET /metrics` on `ops.listen` answers in the Prometheus text format. This page is generated from the code by
`make reference`. [Monitoring](../guide/monitoring.md) describes the alerts and the dashboard that use these metrics.

- `directory` is the id of a directory, also in its base URL; `name` is its name. `calscim_directory_info` translates:
  `... * on (directory) group_left (name) max by (directory, name) (calscim_directory_info)`.
- **Which daemon reports.** What is held, parked, paused and waiting, tokens, and passes are read from the database at
  each scrape. A change shows in the next scrape, and all daemons on one database report the same: take
  `max by (...)`, not `sum`. While the database is down, the last values stay and `calscim_database_up` is 0.
  `calscim_oldest_pending_seconds` and `calscim_drift_edges` come from the daemon with the organization's lease.
  Counters and histograms count what one process did: `sum` them.

| Metric | Type | Labels | Meaning |
|---|---|---|---|
"""


def page() -> str:
    """Return the whole page as Markdown."""
    rows = []
    for metric in catalog():
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        rows.append(f"| `{metric.name}` | {metric.type} | {labels} | {metric.meaning} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} was written", file=sys.stderr)
