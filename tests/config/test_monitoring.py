"""Alerts and dashboard use metrics and labels that calscim has."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.promql import UnknownNameError, metrics, result_labels, selectors
from tools.metrics_catalog import catalog, series

CONFIG = Path(__file__).parents[2] / "config"
RULES = CONFIG / "prometheus-rules.yml"
DASHBOARD = CONFIG / "grafana-dashboard.json"

SERIES = series()
# The names that other programs rely on, with their labels.
FIXED = {
    "calscim_scim_requests_total": {"directory", "method", "resource", "status"},
    "calscim_scim_request_seconds_bucket": {"le"},
    "calscim_journal_seq": {"directory"},
    "calscim_calcom_requests_total": {"organization", "method", "status"},
    "calscim_calcom_request_seconds_bucket": {"organization", "le"},
    "calscim_ratelimit_remaining": {"organization"},
    "calscim_reconcile_seconds_bucket": {"organization", "scope", "le"},
    "calscim_last_complete_pass_timestamp_seconds": {"organization"},
    "calscim_drift_edges": {"organization", "direction"},
    "calscim_actions_total": {"organization", "kind", "outcome"},
    "calscim_actions_held": {"organization"},
    "calscim_actions_parked": {"organization"},
    "calscim_oldest_pending_seconds": {"organization"},
    "calscim_lease_held": {"organization"},
}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]


def queries(node: Any) -> list[str]:
    """Return every PromQL expression of the dashboard."""
    if isinstance(node, dict):
        own = [node["expr"]] if isinstance(node.get("expr"), str) else []
        return own + [found for value in node.values() for found in queries(value)]
    if isinstance(node, list):
        return [found for value in node for found in queries(value)]
    return []


def test_the_names_that_other_programs_rely_on_are_unchanged():
    assert {name: set(SERIES[name]) for name in FIXED} == FIXED


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_uses_series_and_labels_that_exist(alert):
    labels = result_labels(alert["expr"], SERIES)

    used = set(re.findall(r"\$labels\.(\w+)", json.dumps(alert["annotations"])))
    assert used <= labels, "the text of the alert uses a label that its expression drops"


@pytest.mark.parametrize("query", queries(panels()))
def test_a_query_of_the_dashboard_uses_series_and_labels_that_exist(query):
    result_labels(query, SERIES)


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_the_legend_of_a_panel_names_labels_that_its_query_returns(panel):
    for target in panel.get("targets", ()):
        used = set(re.findall(r"\{\{ *(\w+) *\}\}", target.get("legendFormat", "")))
        labels = result_labels(target["expr"], SERIES)
        assert used <= (labels or set()), target["expr"]


def test_the_dashboard_has_every_metric():
    shown = set().union(*map(metrics, queries(panels())))

    assert {one.name for one in catalog() if not shown & one.series.keys()} <= {
        "process_virtual_memory_bytes",  # of no use with an interpreter
    }


def test_panels_have_distinct_titles():
    titles = [panel["title"] for panel in panels()]

    assert len(titles) == len(set(titles)) > 10


def test_no_alert_counts_checkpoints_over_time():
    """With a journal.checkpoint_interval longer than the range, such an alert never fires, or always."""
    used = set().union(*(metrics(alert["expr"]) for alert in alerts()))

    assert "calscim_checkpoints_total" not in used


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("calscim_nothing > 0", "no series calscim_nothing"),
        ('calscim_actions_held{team="3"} > 0', "no label team"),
        ("max by (team) (calscim_actions_held)", "no label team"),
        ("calscim_scim_request_seconds > 1", "no series calscim_scim_request_seconds"),
        (
            "calscim_actions_held + calscim_lease_held * on (kind) calscim_sets_held",
            "no label kind",
        ),
        ("calscim_tokens_valid * calscim_tokens_expiring", "never match"),
    ],
)
def test_the_check_finds_a_wrong_name(expression, complaint):
    with pytest.raises(UnknownNameError, match=complaint):
        result_labels(expression, SERIES)


def test_the_check_refuses_what_is_no_promql():
    with pytest.raises(ValueError, match="parenthesis"):
        selectors("sum(calscim_actions_held")
