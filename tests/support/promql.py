"""Checks PromQL expressions against the metrics that calscim has, without Prometheus."""

import re
from collections.abc import Mapping
from typing import Any

import promql_parser as promql

TARGET = frozenset({"job", "instance"})  # Prometheus adds these labels to every series
_SET_OPERATORS = {"and", "or", "unless"}
_VARIABLES = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}


class UnknownNameError(ValueError):
    """An expression uses a metric or a label that does not exist."""


def parsed(expression: str) -> Any:
    """Parse an expression of a rule or a dashboard. Raise ValueError if Prometheus would refuse it."""
    for variable, value in _VARIABLES.items():
        expression = expression.replace(variable, value)
    return promql.parse(re.sub(r"\$\w+", ".*", expression))


def selectors(expression: str) -> list[Any]:
    """Return the selectors of an expression, one for each time that it names a metric."""
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql.VectorSelector):
            found.append(node)

    promql.walk(parsed(expression), visit, lambda _: None)
    return found


def metrics(expression: str) -> set[str]:
    """Return the names of the series that an expression reads."""
    return {one.name for one in selectors(expression)}


def result_labels(expression: str, series: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    """Return the labels of what an expression returns, None for a number.

    ``series``: the labels of each series. Raise UnknownNameError for a series or a label that does not exist.
    """
    known = {name: labels | TARGET for name, labels in series.items()} | {"up": TARGET}
    return _labels(parsed(expression), known)


def _labels(node: Any, series: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    match node:
        case promql.NumberLiteral() | promql.StringLiteral():
            return None
        case promql.VectorSelector():
            return _selected(node, series)
        case promql.MatrixSelector():
            return _selected(node.vector_selector, series)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return _labels(node.expr, series)
        case promql.AggregateExpr():
            return _aggregated(node, series)
        case promql.Call():
            return _called(node, series)
        case promql.BinaryExpr():
            return _combined(node, series)
    raise AssertionError(f"no such node: {node!r}")


def _selected(node: Any, series: Mapping[str, frozenset[str]]) -> frozenset[str]:
    if node.name not in series:
        raise UnknownNameError(f"there is no series {node.name}")
    labels = series[node.name]
    _require([matcher.name for matcher in node.matchers.matchers], labels, node)
    return labels


def _aggregated(node: Any, series: Mapping[str, frozenset[str]]) -> frozenset[str]:
    inner = _labels(node.expr, series) or frozenset()
    if node.modifier is None:
        return frozenset() if str(node.op) not in ("topk", "bottomk") else inner
    named = list(node.modifier.labels)
    _require(named, inner, node)
    if node.modifier.type == promql.AggModifierType.By:
        return frozenset(named)
    return inner - frozenset(named)


def _called(node: Any, series: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    found = [_labels(argument, series) for argument in node.args]
    vectors = [labels for labels in found if labels is not None]
    if node.func.name in ("time", "scalar") or not vectors:
        return None
    if node.func.name == "histogram_quantile":
        _require(["le"], vectors[0], node)
        return vectors[0] - {"le"}
    if node.func.name == "absent":
        return frozenset()
    return vectors[0]


def _combined(node: Any, series: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    left, right = _labels(node.lhs, series), _labels(node.rhs, series)
    if left is None or right is None:
        return right if left is None else left
    modifier, matching = node.modifier, getattr(node.modifier, "matching", None)
    if matching is not None and matching.type == promql.LabelModifierType.Include:
        on = list(matching.labels)
        _require(on, left, node)
        _require(on, right, node)
    if str(node.op) in _SET_OPERATORS:
        return left & right if str(node.op) == "or" else left
    if matching is None:
        if left != right:
            raise UnknownNameError(f"{left} and {right} never match: {node}")
        return left
    if modifier.card == promql.VectorMatchCardinality.ManyToOne:
        _require(modifier.group_labels, right, node)
        return left | frozenset(modifier.group_labels)
    return frozenset(matching.labels)


def _require(names: Any, labels: frozenset[str], node: Any) -> None:
    missing = set(names) - labels
    if missing:
        raise UnknownNameError(f"no label {', '.join(sorted(missing))} in: {node}")
