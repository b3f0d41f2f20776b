"""Filters (RFC 7644 section 3.4.2.2) compiled to SQL.

A filter means what scim2-models' own evaluation says it means; the tests compare the two. No expression is ever NULL
where NOT could meet it: an attribute without a value equals nothing, and differs from everything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from calscim.directory.indexed_attributes import IndexedAttribute
from calscim.directory.keyset_pages import Listing
from calscim.errors import ScimError
from calscim.names import trimmed
from calscim.scim.filter.operands import (
    check_operator,
    check_text,
    checked_comparison,
    comparable,
    instant,
)
from calscim.scim.filter.parse import nested_brackets, parse_filter
from calscim.scim.filter.sql_values import COLUMNS, SqlValues
from calscim.scim.filter.target import Target, find_target, has_target, unknown_attribute
from calscim.scim.schema import Attribute, Type

_ORDERING = {
    CompareOperator.gt: ">",
    CompareOperator.ge: ">=",
    CompareOperator.lt: "<",
    CompareOperator.le: "<=",
}
# Attributes that every resource has.
_ASSIGNED = {*COLUMNS, "id", "meta", "meta.resourcetype", "meta.version", "meta.location"}
_EMPTY = "('null', '\"\"', '{}', '[]')"


def compile_filter(kind: Type, text: str, beside: Type | None = None) -> Listing:
    """Return the resources that match a filter, in the order of creation. Raise ScimError(400, invalidFilter).

    ``beside``: the other type of a list of both types. An attribute that only the other type has is without a value.
    """
    compiler = Compiler(SqlValues(kind), beside)
    check_text(text, "invalidFilter")
    where = compiler.compile(parse_filter(text))
    return Listing(where, parameters=tuple(compiler.values.parameters))


@lru_cache(maxsize=256)
def look_up_attribute(kind: Type, name: str) -> IndexedAttribute | None:
    """Return the indexed attribute that a filter of one comparison names, or None."""
    try:
        equality = parse_filter(f'{name} eq "x"')
        if not isinstance(equality, Comparison):
            return None
        target = _compared_target(find_target(kind, equality.attr_path), equality)
    except ScimError:
        return None
    return SqlValues(kind).indexed(target)


def has_index(kind: Type, text: str) -> bool:
    """Return True if Postgres finds what the filter selects by an index, however many resources there are.

    ``text`` was compiled before. "sw" does not count: a short beginning selects nearly all.
    """
    return _uses_index(kind, parse_filter(text))


def _uses_index(kind: Type, node: FilterNode) -> bool:
    match node:
        case Comparison(op=CompareOperator.eq, value=str()) if has_target(kind, node.attr_path):
            target = _compared_target(find_target(kind, node.attr_path), node)
            return SqlValues(kind).indexed(target) is not None
        case LogicalExpr(op=LogicalOperator.and_, terms=terms):
            return any(_uses_index(kind, term) for term in terms)
        case LogicalExpr(terms=terms):
            return all(_uses_index(kind, term) for term in terms)
    return False


@dataclass(slots=True)
class Compiler:
    """Compiles the nodes of one filter. ``beside``: see ``compile_filter``."""

    values: SqlValues
    beside: Type | None = None

    def compile(self, node: FilterNode) -> str:
        if isinstance(node, Comparison | Present | ValuePath) and is_beside(
            self.values.kind, node.attr_path, self.beside
        ):
            return self._without_value(node)
        match node:
            case Comparison():
                return self._comparison(node)
            case Present(attr_path=path):
                return self._present(self._target(path))
            case Not(expr=inner):
                return f"NOT ({self.compile(inner)})"
            case LogicalExpr(op=op, terms=terms):
                return _joined(op, [self.compile(term) for term in terms])
            case ValuePath():
                return self._value_path(node)
        raise ScimError(
            400,
            "this filter expression is not supported: use comparisons, and, or, not, and value paths",
            "invalidFilter",
        )

    def _target(self, path: AttrPath) -> Target:
        return find_target(self.values.kind, path)

    def _without_value(self, node: Comparison | Present | ValuePath) -> str:
        """Return what a filter is where its attribute has no value. Raise ScimError if the other type refuses it."""
        assert self.beside is not None
        Compiler(SqlValues(self.beside)).compile(node)
        if not isinstance(node, Comparison):
            return "false"
        if node.op == CompareOperator.ne:
            return "false" if node.value is None else "true"
        return "true" if node.op == CompareOperator.eq and node.value is None else "false"

    # ---------------------------------------------------------------- comparisons

    def _comparison(self, node: Comparison) -> str:
        if node.op == CompareOperator.ne:  # also of many values: none of them equals
            equal = Comparison(node.attr_path, CompareOperator.eq, node.value)
            return f"NOT ({self._comparison(equal)})"
        values = self.values
        target = _compared_target(self._target(node.attr_path), node)
        check_operator(target.attribute, node)
        if node.value is None:
            return self._null(target) if node.op == CompareOperator.eq else "false"
        node = checked_comparison(target.attribute, node)
        by_index = self._by_index(target, node)
        if by_index is not None:
            return by_index
        if target.name in COLUMNS:
            moment = values.bind(instant(node.value), "timestamptz")
            return _decided(f"{values.row}.{COLUMNS[target.name]}", node.op, moment)
        if target.multi:
            inner = self._compare(values.element(target), target.attribute, node)
            return f"EXISTS (SELECT FROM {values.elements(target)} WHERE {inner})"
        return self._compare(values.text(target), target.attribute, node)

    def _by_index(self, target: Target, node: Comparison) -> str | None:
        """Return the condition on an indexed attribute for eq and sw, or None without an index."""
        indexed = self.values.indexed(target)
        if indexed is None or not isinstance(node.value, str):
            return None
        match node.op:
            case CompareOperator.eq:
                return indexed.equals(node.value, self.values.bind)
            case CompareOperator.sw:
                return indexed.starts_with(node.value, self.values.bind)
        return None

    def _null(self, target: Target) -> str:
        """Return a condition for resources without a value, or with an entry that lacks it."""
        if target.name in _ASSIGNED:
            return "false"
        if not target.multi:
            return f"{self.values.text(target)} IS NULL"
        elements, value = self.values.elements(target), self.values.element(target)
        return (
            f"(NOT EXISTS (SELECT FROM {elements}) "
            f"OR EXISTS (SELECT FROM {elements} WHERE {value} IS NULL))"
        )

    def _compare(self, value: str, attribute: Attribute, node: Comparison) -> str:
        if attribute.kind == "boolean":
            wanted = self.values.bind(node.value, "boolean")
            return _decided(f"({value})::boolean", node.op, wanted)
        left = comparable(value, attribute)
        text = trimmed(node.value) if node.op == CompareOperator.eq else node.value
        right = comparable(self.values.bind(text, "text"), attribute)
        match node.op:
            case CompareOperator.co:
                return f"coalesce(strpos({left}, {right}) > 0, false)"
            case CompareOperator.sw:
                return f"coalesce(starts_with({left}, {right}), false)"
            case CompareOperator.ew:
                return f"coalesce(right({left}, length({right})) = {right}, false)"
        return _decided(left, node.op, right)

    # ---------------------------------------------------------------- presence and value paths

    def _present(self, target: Target) -> str:
        values = self.values
        if target.name in _ASSIGNED:
            return "true"
        if target.multi:
            below = target.below
            value = "e.v" if below is None else f"(e.v -> {values.bind(below, 'text')})"
            return f"EXISTS (SELECT FROM {values.elements(target)} WHERE {_filled(value)})"
        return _filled(f"({values.row}.data #> {values.bind(list(target.path), 'text[]')})")

    def _value_path(self, node: ValuePath) -> str:
        target = self._target(node.attr_path)
        if not target.multi or target.below is not None:
            raise ScimError(
                400,
                f"{node.attr_path} has no list of values: use brackets after a multi-valued attribute",
                "invalidFilter",
            )
        inner = self._inside(target.attribute, node.val_filter)
        return f"EXISTS (SELECT FROM {self.values.elements(target)} WHERE {inner})"

    def _inside(self, attribute: Attribute, node: FilterNode) -> str:
        """Return the condition of a filter in brackets, on one value of a multi-valued attribute."""
        match node:
            case Comparison(attr_path=path, op=CompareOperator.ne, value=wanted):
                equal = Comparison(path, CompareOperator.eq, wanted)
                return f"NOT ({self._inside(attribute, equal)})"
            case Comparison(attr_path=path):
                part = _part(attribute, path)
                check_operator(part, node)
                return self._inside_comparison(attribute, part, node)
            case Present(attr_path=path):
                part = _part(attribute, path)
                return _filled(
                    f"(e.v -> {self.values.bind(part.name, 'text')})" if attribute.subs else "e.v"
                )
            case Not(expr=inner):
                return f"NOT ({self._inside(attribute, inner)})"
            case LogicalExpr(op=op, terms=terms):
                return _joined(op, [self._inside(attribute, term) for term in terms])
        raise nested_brackets()

    def _inside_comparison(self, attribute: Attribute, part: Attribute, node: Comparison) -> str:
        if node.value is None and node.op != CompareOperator.eq:
            return "false"
        value = (
            f"(e.v ->> {self.values.bind(part.name, 'text')})"
            if attribute.subs
            else "(e.v #>> '{}')"
        )
        if node.value is None:
            return f"({value} IS NULL)"
        return self._compare(value, part, checked_comparison(part, node))


def is_beside(kind: Type, path: AttrPath, beside: Type | None) -> bool:
    """Return True for an attribute that only the type beside has (RFC 7644 section 3.4.2.1)."""
    return beside is not None and not has_target(kind, path) and has_target(beside, path)


def _compared_target(target: Target, node: Comparison) -> Target:
    """Return what a comparison of a complex attribute compares: its "value", or whether it is present."""
    if target.attribute.kind != "complex":
        return target
    value = target.attribute.subs.get("value")
    if target.multi and value is not None:
        return Target(value, target.path, value.name, True, f"{target.name}.value")
    if value is not None and node.value is not None:
        return Target(value, (*target.path, value.name), None, False, f"{target.name}.value")
    if node.value is None:
        return target
    raise ScimError(
        400,
        f"{node.attr_path} is complex: compare one of its sub-attributes, or use pr",
        "invalidFilter",
    )


def _part(attribute: Attribute, path: AttrPath) -> Attribute:
    """Return the sub-attribute that a comparison in brackets names."""
    if path.sub_attr is not None or path.uri is not None:
        raise unknown_attribute(f"{attribute.name}.{path}")
    if not attribute.subs and path.attr.lower() == "value":
        return attribute
    part = attribute.subs.get(path.attr.lower())
    if part is None:
        raise unknown_attribute(f"{attribute.name}.{path}")
    return part


def _joined(op: LogicalOperator, conditions: Iterable[str]) -> str:
    return "(" + (" AND " if op == LogicalOperator.and_ else " OR ").join(conditions) + ")"


def _filled(value: str) -> str:
    return f"coalesce({value}, 'null') NOT IN {_EMPTY}"


def _decided(left: str, op: CompareOperator, right: str) -> str:
    return f"coalesce({left} {_ORDERING.get(op, '=')} {right}, false)"
