"""Which values of a multi-valued attribute a filter in brackets selects (RFC 7644 section 3.5.2)."""

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
from calscim.scim import decode
from calscim.scim.filter.operands import check, compare, instant
from calscim.scim.filter.parse import count
from calscim.scim.schema import Attribute

MOST_COMPARISONS = 20


def checked(attribute: Attribute, node: FilterNode) -> FilterNode:
    """The filter once it is known to make sense, with Entra's "True" as a boolean."""
    if count(node) > MOST_COMPARISONS:
        raise ScimError(
            400,
            f"choose the values of {attribute.name} with at most {MOST_COMPARISONS} comparisons",
            "invalidFilter",
        )
    match node:
        case Comparison(attr_path=path, op=op, value=value):
            sub = _part(attribute, path)
            if sub.kind == "boolean" and isinstance(value, str):
                node = Comparison(
                    path, op, {"true": True, "false": False}.get(value.lower(), value)
                )
            if node.value is not None:
                check(sub, node)
            return node
        case Present(attr_path=path):
            _part(attribute, path)
            return node
        case Not(expr=inner):
            return Not(checked(attribute, inner))
        case LogicalExpr(op=op, terms=terms):
            return LogicalExpr(op, tuple(checked(attribute, term) for term in terms))
    raise ScimError(400, "value filters cannot be nested", "invalidFilter")


def described_by(attribute: Attribute, node: FilterNode) -> dict[str, Any] | None:
    """The value that a filter of equalities describes; None for any other filter."""
    match node:
        case Comparison(attr_path=path, op=CompareOperator.eq, value=value):
            sub = attribute.subs[path.attr.lower()]
            made = decode.coerced(sub, f"{attribute.name}.{sub.name}", value)
            return None if made is None else {sub.name: made}
        case LogicalExpr(op=LogicalOperator.and_, terms=terms):
            described: dict[str, Any] = {}
            for term in terms:
                part = described_by(attribute, term)
                if part is None:
                    return None
                described.update(part)
            return described
    return None


def matches(attribute: Attribute, node: FilterNode, value: Any) -> bool:
    """Whether one value of a multi-valued attribute is selected."""
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
    raise ScimError(400, "value filters cannot be nested", "invalidFilter")


def _part(attribute: Attribute, path: AttrPath) -> Attribute:
    sub = attribute.subs.get(path.attr.lower())
    if sub is None or path.sub_attr is not None or path.uri is not None:
        raise ScimError(400, f"{attribute.name} has no {path}", "invalidFilter")
    return sub


def _holds(sub: Attribute, node: Comparison, found: Any) -> bool:
    wanted: Any = node.value
    if found is None or wanted is None:
        same = found is None and wanted is None
        return same if node.op == CompareOperator.eq else node.op == CompareOperator.ne and not same
    if sub.kind == "dateTime":
        found, wanted = instant(found), instant(wanted)
    elif isinstance(found, str) and not sub.exact:
        found, wanted = folded(found), folded(str(wanted))
    if node.op in (CompareOperator.eq, CompareOperator.ne) and isinstance(found, str):
        found, wanted = trimmed(found), trimmed(str(wanted))
    return compare(node.op, found, wanted)
