"""tests/support/alerts.py evaluates expressions as Prometheus does, for the functions that the rules use."""

import promql_parser as promql
import pytest

from tests.support.alerts import Evaluation, firing, scrape

BEFORE = """
pushes_total{directory="x",status="503"} 2
pushes_total{directory="x",status="200"} 5
"""
AFTER = """
pushes_total{directory="x",status="503"} 4
pushes_total{directory="x",status="200"} 5
pushes_total{directory="y",status="503"} 9
info{directory="x",name="Okta"} 1
paused{directory="x"} 1
begun 100
"""


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ('sum by (directory) (pushes_total{status=~"5.."})', [4, 9]),
        (
            'increase(pushes_total{status="503"}[5m]) > 0',
            [2],
        ),  # not of a series that has just begun
        ('increase(pushes_total{status!="503"}[5m]) > 0', []),
        ("time() - begun > 400", [900]),
        ("time() - begun > 900", []),
        ("max_over_time(begun[5m]) == 100", [100]),
        ("pushes_total > 3 unless on (directory) paused == 1", [9]),
        ("pushes_total * on (directory) group_left (name) info > 4", [5]),
        ("absent(nothing)", [1]),
        ("absent(begun)", []),
        ('up{job="calscim"} == 0', [0]),
    ],
)
def test_an_expression_has_its_values(expression, values):
    scrapes = [scrape({"a": BEFORE}), scrape({"a": AFTER, "b": None})]

    found = Evaluation(scrapes, 1000.0).of(promql.parse(expression))

    assert sorted(found.values()) == values


def test_an_unknown_function_is_refused():
    with pytest.raises(NotImplementedError, match="deriv"):
        Evaluation([scrape({"a": AFTER})], 0.0).of(promql.parse("deriv(begun[5m])"))


def test_every_rule_can_be_evaluated():
    assert [one.name for one in firing([scrape({"a": AFTER, "b": None})], 1000.0)] == [
        "CalscimDown"
    ]
