"""Alerts and dashboard use metrics that calscim has, and no others."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from calscim.app.token_watch import Metrics as TokenMetrics
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.journal.publish import Metrics as HeadMetrics
from calscim.reconciler.metrics import Metrics as ReconcileMetrics
from calscim.scim.metrics import Metrics as ScimMetrics

CONFIG = Path(__file__).parents[2] / "config"
RULES = CONFIG / "prometheus-rules.yml"
DASHBOARD = CONFIG / "grafana-dashboard.json"

# The names that operators rely on, with their labels.
METRICS = {
    "calscim_scim_requests_total": {"directory", "method", "resource", "status"},
    "calscim_scim_request_seconds": set(),
    "calscim_scim_throttled_total": {"directory", "reason"},
    "calscim_scim_bytes_in_flight": set(),
    "calscim_journal_seq": {"directory"},
    "calscim_calcom_requests_total": {"organization", "method", "status"},
    "calscim_calcom_request_seconds": set(),
    "calscim_ratelimit_remaining": {"organization"},
    "calscim_reconcile_seconds": set(),
    "calscim_last_complete_pass_timestamp_seconds": {"organization"},
    "calscim_drift_edges": {"organization", "direction"},
    "calscim_actions_total": {"organization", "kind", "outcome"},
    "calscim_actions_held": {"organization"},
    "calscim_actions_parked": {"organization"},
    "calscim_oldest_pending_seconds": {"organization"},
    "calscim_lease_held": {"organization"},
    "calscim_checkpoints_total": {"sink", "outcome"},
    "calscim_checkpoint_failures": {"sink"},
    "calscim_journal_altered_total": set(),
    "calscim_token_expires_timestamp_seconds": {"directory", "token"},
    "calscim_token_last_used_timestamp_seconds": {"directory", "token"},
    "calscim_tokens_expiring": {"directory"},
}
HISTOGRAMS = {
    "calscim_scim_request_seconds",
    "calscim_calcom_request_seconds",
    "calscim_reconcile_seconds",
}


def expressions(node: Any) -> list[str]:
    """Return every PromQL expression of the dashboard."""
    if isinstance(node, dict):
        own = [node["expr"]] if isinstance(node.get("expr"), str) else []
        return own + [found for value in node.values() for found in expressions(value)]
    if isinstance(node, list):
        return [found for value in node for found in expressions(value)]
    return []


def used(text: str) -> set[str]:
    """Return the metrics in a text, histograms without the suffix that Prometheus appends."""
    names = set(re.findall(r"\bcalscim_\w+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def rule_expressions() -> list[str]:
    return re.findall(r"^ +expr: (.+?)(?: +# .*)?$", RULES.read_text(), re.MULTILINE)


def test_every_metric_of_the_alerts_exists():
    found = set().union(*map(used, rule_expressions()))

    assert found <= METRICS.keys()
    assert "calscim_actions_held" in found


def test_the_dashboard_has_every_metric_and_no_other():
    found = set().union(*map(used, expressions(json.loads(DASHBOARD.read_text()))))

    assert found == METRICS.keys()


def test_the_labels_in_expressions_exist():
    for expression in [*rule_expressions(), *expressions(json.loads(DASHBOARD.read_text()))]:
        for name, selector in re.findall(r"(calscim_\w+)\{([^}]*)\}", expression):
            labels = set(re.findall(r"(\w+)=~?\"", selector))
            assert labels <= METRICS[re.sub(r"_bucket$", "", name)], expression


def test_no_alert_counts_checkpoints_over_time():
    """With a journal.checkpoint_interval longer than the range, such an alert never fires, or always."""
    assert not [one for one in rule_expressions() if "calscim_checkpoints_total" in one]


def test_expressions_use_the_series_of_histograms():
    for expression in [*rule_expressions(), *expressions(json.loads(DASHBOARD.read_text()))]:
        for name in HISTOGRAMS:
            assert not re.search(rf"{name}\b(?!_)", expression), expression


def test_the_code_has_these_metrics():
    registry = CollectorRegistry()
    CallMetrics(registry)
    ReconcileMetrics(registry)
    ScimMetrics(registry)
    HeadMetrics(registry)
    TokenMetrics(registry)

    registered = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in registry.collect()
    }

    assert registered == METRICS.keys()


def test_panels_have_distinct_titles():
    titles = [panel["title"] for panel in json.loads(DASHBOARD.read_text())["panels"]]

    assert len(titles) == len(set(titles)) > 10


@pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (apt-get install prometheus)",
)
def test_prometheus_accepts_the_rules():
    ran = subprocess.run(
        ["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
