"""Each alert fires in its incident and stops after it, and names the next command and a runbook."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.config.test_monitoring import RULES, SERIES, alerts
from tests.support.promql import metrics, selectors

INCIDENTS = Path(__file__).with_name("prometheus-rules.test.yml")
NAMES = [alert["alert"] for alert in alerts()]
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")


def incidents():
    return yaml.safe_load(INCIDENTS.read_text(encoding="utf-8"))["tests"]


def promtool(*arguments):
    if PROMTOOL is None:
        pytest.skip(
            "promtool is not installed: apt-get install prometheus, or set PROMTOOL to its path"
        )
    ran = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_prometheus_accepts_the_rules():
    promtool("check", "rules", str(RULES))


def test_prometheus_fires_and_stops_each_alert_in_its_incident():
    promtool("test", "rules", str(INCIDENTS))


def test_every_alert_has_an_incident_in_which_it_is_quiet_then_fires_then_stops():
    expected = {}
    for incident in incidents():
        outcomes = [bool(check["exp_samples"]) for check in incident["promql_expr_test"]]
        expected[incident["name"]] = outcomes

    assert expected == {name: [False, True, False] for name in NAMES}


@pytest.mark.parametrize("incident", incidents(), ids=lambda incident: incident["name"])
def test_the_series_of_an_incident_exist_and_have_the_labels_of_the_daemon(incident):
    for entry in incident["input_series"]:
        (selector,) = selectors(entry["series"])
        if selector.name == "up":
            continue
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert labels - {"job", "instance"} == SERIES[selector.name]


@pytest.mark.parametrize("incident", incidents(), ids=lambda incident: incident["name"])
def test_an_incident_has_every_series_that_its_alert_reads(incident):
    (alert,) = (one for one in alerts() if one["alert"] == incident["name"])
    given = {selectors(entry["series"])[0].name for entry in incident["input_series"]}

    assert given == metrics(alert["expr"])


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_to_type_and_where_its_runbook_is(alert):
    notes = alert["annotations"]

    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert re.search(r"run `(calscim|systemctl|journalctl) [^`]+`", notes["summary"])
    assert notes["runbook_url"] == f"docs/runbooks/{alert['alert']}.md"
    assert notes["description"].endswith(".")


def test_the_names_of_alerts_are_distinct():
    assert len(NAMES) == len(set(NAMES))
