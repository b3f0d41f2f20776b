"""Evaluates alert rules on what daemons show at /metrics, without Prometheus.

The newest scrape stands for a state that lasts: a function over a range of a gauge returns the newest value, and
``increase`` and ``rate`` compare the newest scrape with the oldest one that has the series. The time in ``for`` counts
as over.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import promql_parser as promql
import yaml
from prometheus_client.parser import text_string_to_metric_families

RULES = Path(__file__).parents[2] / "config" / "prometheus-rules.yml"

Labels: TypeAlias = frozenset[tuple[str, str]]
Vector: TypeAlias = dict[Labels, float]
Scrape: TypeAlias = dict[str, Vector]  # samples by the name of the series

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right if right else math.nan,
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "max": max,
    "min": min,
    "count": len,
}


@dataclass(frozen=True)
class Alert:
    """A rule of config/prometheus-rules.yml. ``runbook``: the page about it, in the repository."""

    name: str
    expression: str
    severity: str
    runbook: str


def rules() -> list[Alert]:
    """Return the rules in the order of the file."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [
        Alert(
            rule["alert"],
            rule["expr"],
            rule["labels"]["severity"],
            rule["annotations"].get("runbook_url", ""),
        )
        for group in groups
        for rule in group["rules"]
    ]


def scrape(pages: Mapping[str, str | None]) -> Scrape:
    """Return the samples of several daemons. ``pages``: the text of /metrics by instance; None: no answer."""
    found: Scrape = {"up": {}}
    for instance, page in pages.items():
        target = {("job", "calscim"), ("instance", instance)}
        found["up"][frozenset(target)] = 0.0 if page is None else 1.0
        for family in text_string_to_metric_families(page or ""):
            for sample in family.samples:
                labels = frozenset(set(sample.labels.items()) | target)
                found.setdefault(sample.name, {})[labels] = sample.value
    return found


def firing(scrapes: Sequence[Scrape], now: float) -> list[Alert]:
    """Return the alerts that fire at ``now`` if the newest of these scrapes stays as it is."""
    evaluation = Evaluation(scrapes, now)
    return [rule for rule in rules() if evaluation.of(promql.parse(rule.expression))]


@dataclass(frozen=True)
class Evaluation:
    """Evaluates expressions on scrapes, the oldest first. ``now``: what ``time()`` returns."""

    scrapes: Sequence[Scrape]
    now: float

    def of(self, node: Any) -> Vector | float:
        """Return the value of an expression."""
        match node:
            case promql.NumberLiteral():
                return float(node.val)
            case promql.ParenExpr():
                return self.of(node.expr)
            case promql.VectorSelector():
                return _selected(self.scrapes[-1], node)
            case promql.AggregateExpr():
                return self._aggregate(node)
            case promql.Call():
                return self._call(node)
            case promql.BinaryExpr():
                return _combine(node, self.of(node.lhs), self.of(node.rhs))
        raise NotImplementedError(f"tests/support/alerts.py has no {type(node).__name__}: {node}")

    def _aggregate(self, node: Any) -> Vector:
        groups: dict[Labels, list[float]] = {}
        names = [] if node.modifier is None else list(node.modifier.labels)
        for labels, value in self._vector(node.expr).items():
            groups.setdefault(_only(labels, names), []).append(value)
        function = _AGGREGATES[str(node.op)]
        return {labels: float(function(values)) for labels, values in groups.items()}

    def _call(self, node: Any) -> Vector | float:
        match node.func.name:
            case "time":
                return self.now
            case "absent":
                return {} if self._vector(node.args[0]) else {frozenset(): 1.0}
            case "increase" | "rate":
                return self._increase(node.args[0].vector_selector)
            case "histogram_quantile":
                return {}  # how slow a test is says nothing
            case name if name.endswith("_over_time"):
                return _selected(self.scrapes[-1], node.args[-1].vector_selector)
        raise NotImplementedError(f"tests/support/alerts.py has no {node.func.name}()")

    def _increase(self, selector: Any) -> Vector:
        found = {}
        for labels, last in _selected(self.scrapes[-1], selector).items():
            earlier = (_selected(one, selector).get(labels) for one in self.scrapes[:-1])
            first = next((value for value in earlier if value is not None), None)
            if first is not None:  # Prometheus sees no increase of a series that has just appeared
                found[labels] = last - first
        return found

    def _vector(self, node: Any) -> Vector:
        found = self.of(node)
        assert isinstance(found, dict), f"no vector: {node}"
        return found


def _selected(scrape: Scrape, selector: Any) -> Vector:
    return {
        labels: value
        for labels, value in scrape.get(selector.name, {}).items()
        if all(_matches(matcher, dict(labels)) for matcher in selector.matchers.matchers)
    }


def _matches(matcher: Any, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    kind = str(matcher.op).rpartition(".")[2]
    if kind in ("Re", "NotRe"):
        return (re.fullmatch(matcher.value, value) is not None) == (kind == "Re")
    return (value == matcher.value) == (kind == "Equal")


def _only(labels: Labels, names: Sequence[str]) -> Labels:
    return frozenset(pair for pair in labels if pair[0] in names)


def _combine(node: Any, left: Vector | float, right: Vector | float) -> Vector | float:
    sign = str(node.op)
    if isinstance(left, dict) and isinstance(right, dict):
        return _match(node, sign, left, right)
    if isinstance(left, dict):
        assert not isinstance(right, dict)
        kept, pairs = left, {labels: (value, right) for labels, value in left.items()}
    elif isinstance(right, dict):
        kept, pairs = right, {labels: (left, value) for labels, value in right.items()}
    else:
        return _ARITHMETIC[sign](left, right)
    if sign in _COMPARISONS:
        return {one: kept[one] for one, both in pairs.items() if _COMPARISONS[sign](*both)}
    return {one: _ARITHMETIC[sign](*both) for one, both in pairs.items()}


def _match(node: Any, sign: str, left: Vector, right: Vector) -> Vector:
    """Combine two vectors. Labels outside ``on`` stay, as group_left and the set operators keep them."""
    matching = getattr(node.modifier, "matching", None)

    def key(labels: Labels) -> Labels:
        return labels if matching is None else _only(labels, list(matching.labels))

    others = {key(labels): value for labels, value in right.items()}
    if sign == "unless":
        return {one: value for one, value in left.items() if key(one) not in others}
    if sign == "and":
        return {one: value for one, value in left.items() if key(one) in others}
    if sign == "or":
        return left | {one: value for one, value in right.items() if one not in left}
    both = {one: (value, others[key(one)]) for one, value in left.items() if key(one) in others}
    if sign in _COMPARISONS:
        return {one: pair[0] for one, pair in both.items() if _COMPARISONS[sign](*pair)}
    return {one: _ARITHMETIC[sign](*pair) for one, pair in both.items()}
