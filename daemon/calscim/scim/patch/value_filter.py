"""Filters in brackets on the values of a multi-valued attribute, in PATCH paths (RFC 7644 section 3.5.2)."""

from typing import Any

from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
)

from calscim.errors import ScimError
from calscim.names import folded, trimmed
from calscim.scim.coerce import coerce
from calscim.scim.filter.operands import check_comparison, compare, instant, unquoted_boolean
from calscim.scim.filter.parse import count_comparisons, nested_brackets
from calscim.scim.schema import Attribute

MAX_COMPARISONS = 20


def check_filter(attribute: Attribute, node: FilterNode) -> FilterNode:
    """Return the filter, with booleans that Entra sends in quotes. Raise ScimError(400) for an invalid filter."""
    if count_comparisons(node) > MAX_COMPARISONS:
        raise ScimError(
            400,
            f"the filter on {attribute.name} has more than {MAX_COMPARISONS} comparisons: use fewer",
            "invalidFilter",
        )
    match node:
        case Comparison(attr_path=path, op=op, value=value):
            sub = _part(attribute, path)
            node = Comparison(path, op, unquoted_boolean(sub, value))
            if node.value is not None:
                check_comparison(sub, node)
            return node
        case Present(attr_path=path):
            _part(attribute, path)
            return node
        case Not(expr=inner):
            return Not(check_filter(attribute, inner))
        case LogicalExpr(op=op, terms=terms):
            return LogicalExpr(op, tuple(check_filter(attribute, term) for term in terms))
    raise nested_brackets()


def described_value(attribute: Attribute, node: FilterNode) -> dict[str, Any] | None:
    """Return the value that a filter of equalities describes, or None for any other filter."""
    match node:
        case Comparison(attr_path=path, op=CompareOperator.eq, value=value):
            sub = attribute.subs[path.attr.lower()]
            coerced = coerce(sub, f"{attribute.name}.{sub.name}", value)
            return None if coerced is None else {sub.name: coerced}
        case LogicalExpr(op=LogicalOperator.and_, terms=terms):
            described: dict[str, Any] = {}
            for term in terms:
                part = described_value(attribute, term)
                if part is None:
                    return None
                described.update(part)
            return described
    return None


def matches(attribute: Attribute, node: FilterNode, value: Any) -> bool:
    """Return True if the filter selects a value of the attribute."""
    match node:
        case Comparison(attr_path=path):
            sub = _part(attribute, path)
            return _holds(sub, node, value.get(sub.name))
        case Present(attr_path=path):
            return value.get(_part(attribute, path).name) not in (None, "", [], {})
        case Not(expr=inner):
            return not matches(attribute, inner, value)
        case LogicalExpr(op=op, terms=terms):
            results = (matches(attribute, term, value) for term in terms)
            return all(results) if op == LogicalOperator.and_ else any(results)
    raise nested_brackets()


def _part(attribute: Attribute, path: AttrPath) -> Attribute:
    sub = attribute.subs.get(path.attr.lower())
    if sub is None or path.sub_attr is not None or path.uri is not None:
        raise ScimError(
            400,
            f"{attribute.name} has no sub-attribute {str(path)[:100]}: name one of the schema",
            "invalidFilter",
        )
    return sub


def _holds(sub: Attribute, node: Comparison, found: Any) -> bool:
    wanted: Any = node.value
    if found is None or wanted is None:
        is_equal = found is None and wanted is None
        if node.op == CompareOperator.eq:
            return is_equal
        return node.op == CompareOperator.ne and not is_equal
    if sub.kind == "dateTime":
        found, wanted = instant(found), instant(wanted)
    elif isinstance(found, str) and not sub.exact:
        found, wanted = folded(found), folded(str(wanted))
    if node.op in (CompareOperator.eq, CompareOperator.ne) and isinstance(found, str):
        found, wanted = trimmed(found), trimmed(str(wanted))
    return compare(node.op, found, wanted)
