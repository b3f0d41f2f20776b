"""Filters and sort orders (RFC 7644 section 3.4.2) compiled to SQL over the aliases u and g.

Nothing a client sent stands in the text: values and names are parameters. The meaning is that of
scim2-models' own evaluation, which the tests compare it with.
"""

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
    ValuePath,
)

from calscim.errors import ScimError
from calscim.scim.grammar import parse_filter
from calscim.scim.schema import GROUP, USER, Attribute, Type
from calscim.store.resources import (
    FIRST_GROUP_PARAMETER,
    FIRST_USER_PARAMETER,
    Selection,
    key,
)

_ALIASES = {
    "email": ("emails", "value"),
    "username": ("userName", None),
    "givenname": ("name", "givenName"),
    "familyname": ("name", "familyName"),
}
_ORDERING = {
    CompareOperator.gt: ">",
    CompareOperator.ge: ">=",
    CompareOperator.lt: "<",
    CompareOperator.le: "<=",
}
_TEXTUAL = (CompareOperator.co, CompareOperator.sw, CompareOperator.ew)
_COLUMNS = {"meta.created": "created_at", "meta.lastmodified": "updated_at"}


@dataclass(frozen=True, slots=True)
class _Target:
    """What a path names. ``path``: keys into the JSON, the last of them below each value if ``multi``."""

    attribute: Attribute
    path: tuple[str, ...]
    below: str | None  # a sub-attribute of each value of a multi-valued attribute
    multi: bool
    name: str  # lower case, dotted, without a URN


@dataclass(slots=True)
class _Compiler:
    kind: Type
    first: int
    parameters: list[Any] = field(default_factory=list)

    @property
    def row(self) -> str:
        return "u" if self.kind is USER else "g"

    def bind(self, value: Any, cast: str) -> str:
        self.parameters.append(value)
        return f"${self.first + len(self.parameters) - 1}::{cast}"

    # ---------------------------------------------------------------- nodes

    def compile(self, node: FilterNode) -> str:
        match node:
            case Comparison():
                return self.comparison(node)
            case Present(attr_path=path):
                return self.present(self.target(path))
            case Not(expr=inner):
                return f"NOT ({self.compile(inner)})"
            case LogicalExpr(op=op, terms=terms):
                word = " AND " if op == LogicalOperator.and_ else " OR "
                return "(" + word.join(self.compile(term) for term in terms) + ")"
            case ValuePath():
                return self.value_path(node)
        raise ScimError(400, "this filter expression is not supported", "invalidFilter")

    def target(self, path: AttrPath) -> _Target:
        attr, sub = path.attr, path.sub_attr
        if path.uri is None and sub is None and attr.lower() in _ALIASES and self.kind is USER:
            attr, sub = _ALIASES[attr.lower()]
        found = self.kind.find(path.uri, attr)
        if found is None or found[1].write_only:
            raise unknown(str(path))
        urn, attribute = found
        keys = (attribute.name,) if urn is None else (urn, attribute.name)
        name = attribute.name.lower()
        if sub is None:
            return _Target(attribute, keys, None, attribute.multi, name)
        part = attribute.subs.get(sub.lower())
        if part is None:
            raise unknown(str(path))
        name = f"{name}.{part.name.lower()}"
        if attribute.multi:
            return _Target(part, keys, part.name, True, name)
        return _Target(part, (*keys, part.name), None, False, name)

    # ---------------------------------------------------------------- comparisons

    def comparison(self, node: Comparison) -> str:
        target = self.target(node.attr_path)
        if target.attribute.kind == "complex" or target.attribute.subs:
            value = target.attribute.subs.get("value")
            if not target.multi or value is None or target.below is not None:
                raise ScimError(
                    400,
                    f"{node.attr_path} is complex: compare one of its sub-attributes",
                    "invalidFilter",
                )
            target = _Target(value, target.path, value.name, True, f"{target.name}.value")
        if node.value is None:
            return self.null(target, node)
        check(target.attribute, node)
        special = self.indexed(target, node)
        if special is not None:
            return special
        if target.multi:
            return self.any_value(target, node)
        if target.name in _COLUMNS:
            return self.compare(
                f"{self.row}.{_COLUMNS[target.name]}", target.attribute, node, "time"
            )
        return self.compare(self.text(target), target.attribute, node, "text")

    def null(self, target: _Target, node: Comparison) -> str:
        if node.op == CompareOperator.eq:
            return f"NOT ({self.exists(target)})"
        if node.op == CompareOperator.ne:
            return self.exists(target)
        return "false"

    def text(self, target: _Target) -> str:
        """The value of a single-valued attribute as text, NULL when there is none."""
        if target.name == "id":
            return f"{self.row}.id::text"
        if target.name == "meta.resourcetype":
            return self.bind(self.kind.name, "text")
        if target.name == "meta.version":
            return f"('W/\"' || {self.row}.version || '\"')"
        return f"({self.row}.data #>> {self.bind(list(target.path), 'text[]')})"

    def any_value(self, target: _Target, node: Comparison) -> str:
        """One of the values matches; with ne, none of them equals."""
        negated = node.op == CompareOperator.ne
        positive = Comparison(node.attr_path, CompareOperator.eq, node.value) if negated else node
        value = self.element(target)
        inner = self.compare(value, target.attribute, positive, "text")
        found = f"EXISTS (SELECT FROM {self.elements(target)} WHERE {inner})"
        return f"NOT {found}" if negated else found

    def elements(self, target: _Target) -> str:
        """The values of a multi-valued attribute, as rows e(v)."""
        if target.path == ("groups",):
            return (
                "(SELECT jsonb_build_object('value', gg.id, 'display', gg.display_name, 'type', 'direct') AS v "
                "FROM calscim.members mm JOIN calscim.groups gg ON gg.id = mm.group_id "
                f"WHERE mm.member_id = {self.row}.id) e"
            )
        if target.path == ("members",):
            return (
                "(SELECT jsonb_build_object('value', mm.member_id, 'type', mm.kind, 'display', uu.user_name) AS v "
                "FROM calscim.members mm LEFT JOIN calscim.users uu ON uu.id = mm.member_id "
                f"WHERE mm.group_id = {self.row}.id) e"
            )
        path = self.bind(list(target.path), "text[]")
        return (
            f"jsonb_array_elements(CASE jsonb_typeof({self.row}.data #> {path}) WHEN 'array' "
            f"THEN {self.row}.data #> {path} ELSE '[]' END) e (v)"
        )

    def element(self, target: _Target) -> str:
        if target.below is None:
            return "(e.v #>> '{}')"
        return f"(e.v ->> {self.bind(target.below, 'text')})"

    def compare(self, value: str, attribute: Attribute, node: Comparison, form: str) -> str:
        """Never NULL: an attribute without a value equals nothing and differs from everything."""
        op, wanted = node.op, node.value
        if attribute.kind == "dateTime" and op not in _TEXTUAL:
            moment = self.bind(instant(wanted), "timestamptz")
            left = value if form == "time" else f"({value})::timestamptz"
            return _decided(left, op, moment)
        if attribute.kind == "boolean":
            return _decided(f"({value})::boolean", op, self.bind(wanted, "boolean"))
        if attribute.kind in ("integer", "decimal"):
            return _decided(f"({value})::numeric", op, self.bind(wanted, "numeric"))
        if form == "time":
            value = f"calscim.instant({value})"
        exact = attribute.exact or attribute.kind == "dateTime"
        left = value if exact else f"lower({value})"
        right = self.bind(wanted, "text") if exact else f"lower({self.bind(wanted, 'text')})"
        if op == CompareOperator.co:
            return f"coalesce(position({right} IN {left}) > 0, false)"
        if op == CompareOperator.sw:
            return f"coalesce(starts_with({left}, {right}), false)"
        if op == CompareOperator.ew:
            return f"coalesce(right({left}, length({right})) = {right}, false)"
        return _decided(f'{left} COLLATE "C"', op, right)

    # ---------------------------------------------------------------- what has an index

    def indexed(self, target: _Target, node: Comparison) -> str | None:
        """Equality and prefixes of names, ids and addresses."""
        if node.op not in (CompareOperator.eq, CompareOperator.sw) or not isinstance(
            node.value, str
        ):
            return None
        name, value, row = target.name, node.value, self.row
        if name == "id" and node.op == CompareOperator.eq:
            number = as_uuid(value)
            return "false" if number is None else f"{row}.id = {self.bind(number, 'uuid')}"
        if name == "externalid" and node.op == CompareOperator.eq:
            return f"coalesce({row}.external_id = {self.bind(value, 'text')}, false)"
        if name == "username" and self.kind is USER:
            return self.keyed(f"{row}.user_name_key", node)
        if name == "displayname" and self.kind is GROUP:
            return self.keyed(f"{row}.display_name_key", node)
        if name == "emails.value" and self.kind is USER:
            inner = self.keyed("ee.value_key", node)
            return (
                f"{row}.id IN (SELECT ee.user_id FROM calscim.user_emails ee "
                f"WHERE ee.directory_id = $2 AND {inner})"
            )
        if name == "members.value" and self.kind is GROUP and node.op == CompareOperator.eq:
            number = as_uuid(value)
            if number is None:
                return "false"
            return (
                f"{row}.id IN (SELECT mm.group_id FROM calscim.members mm "
                f"WHERE mm.member_id = {self.bind(number, 'uuid')})"
            )
        return None

    def keyed(self, column: str, node: Comparison) -> str:
        value = key(node.value)
        if node.op == CompareOperator.eq:
            return f"{column} = {self.bind(value, 'text')}"
        pattern = re.sub(r"([\\%_])", r"\\\1", value) + "%"
        return f"{column} LIKE {self.bind(pattern, 'text')}"

    # ---------------------------------------------------------------- presence and value paths

    def present(self, target: _Target) -> str:
        return self.exists(target)

    def exists(self, target: _Target) -> str:
        if target.name in _COLUMNS or target.name in (
            "id",
            "meta",
            "meta.resourcetype",
            "meta.version",
        ):
            return "true"
        if target.multi:
            value = "e.v" if target.below is None else f"(e.v -> {self.bind(target.below, 'text')})"
            return (
                f"EXISTS (SELECT FROM {self.elements(target)} "
                f"WHERE coalesce({value}, 'null') NOT IN ('null', '\"\"', '{{}}', '[]'))"
            )
        path = self.bind(list(target.path), "text[]")
        return f"coalesce({self.row}.data #> {path}, 'null') NOT IN ('null', '\"\"', '{{}}', '[]')"

    def value_path(self, node: ValuePath) -> str:
        target = self.target(node.attr_path)
        if not target.multi or target.below is not None:
            raise ScimError(400, f"{node.attr_path} has no values to choose from", "invalidFilter")
        inner = self.inside(target.attribute, node.val_filter)
        return f"EXISTS (SELECT FROM {self.elements(target)} WHERE {inner})"

    def inside(self, attribute: Attribute, node: FilterNode) -> str:
        """A filter on one value of a multi-valued attribute."""
        match node:
            case Comparison(attr_path=path):
                part = self.part(attribute, path)
                value = (
                    f"(e.v ->> {self.bind(part.name, 'text')})"
                    if attribute.subs
                    else "(e.v #>> '{}')"
                )
                if node.value is None:
                    empty = f"({value} IS NULL)"
                    if node.op == CompareOperator.eq:
                        return empty
                    return f"NOT {empty}" if node.op == CompareOperator.ne else "false"
                check(part, node)
                return self.compare(value, part, node, "text")
            case Present(attr_path=path):
                part = self.part(attribute, path)
                value = f"(e.v -> {self.bind(part.name, 'text')})" if attribute.subs else "e.v"
                return f"coalesce({value}, 'null') NOT IN ('null', '\"\"', '{{}}', '[]')"
            case Not(expr=inner):
                return f"NOT ({self.inside(attribute, inner)})"
            case LogicalExpr(op=op, terms=terms):
                word = " AND " if op == LogicalOperator.and_ else " OR "
                return "(" + word.join(self.inside(attribute, term) for term in terms) + ")"
        raise ScimError(400, "value filters cannot be nested", "invalidFilter")

    @staticmethod
    def part(attribute: Attribute, path: AttrPath) -> Attribute:
        if not attribute.subs and path.attr.lower() == "value":
            return attribute
        part = attribute.subs.get(path.attr.lower())
        if part is None or path.sub_attr is not None:
            raise unknown(f"{attribute.name}.{path}")
        return part


def compile_filter(kind: Type, text: str) -> Selection:
    """ScimError 400 invalidFilter for what cannot be asked."""
    first = FIRST_USER_PARAMETER if kind is USER else FIRST_GROUP_PARAMETER
    compiler = _Compiler(kind, first)
    where = compiler.compile(parse_filter(text))
    return Selection(where, "", tuple(compiler.parameters))


def compile_sort(kind: Type, text: str, *, descending: bool, selection: Selection) -> Selection:
    """The same selection, in an order: missing values last when ascending, first when descending."""
    first = FIRST_USER_PARAMETER if kind is USER else FIRST_GROUP_PARAMETER
    compiler = _Compiler(kind, first, list(selection.parameters))
    path = re.fullmatch(r"(?:(urn:.+):)?([A-Za-z$][\w$-]*)(?:\.([A-Za-z$][\w$-]*))?", text.strip())
    if path is None:
        raise ScimError(400, f"sortBy {text[:100]!r} is no attribute", "invalidPath")
    uri, attr, sub = path.groups()
    try:
        target = compiler.target(AttrPath(attr, sub, uri))
    except (ScimError, ValueError):
        raise ScimError(
            400, f"sortBy {text[:100]!r} is no attribute of {kind.name}", "invalidPath"
        ) from None
    value = _sort_value(compiler, target)
    direction = "DESC NULLS FIRST" if descending else "ASC NULLS LAST"
    return Selection(selection.where, f"{value} {direction}", tuple(compiler.parameters))


def _sort_value(compiler: _Compiler, target: _Target) -> str:
    if target.name in _COLUMNS:
        return f"{compiler.row}.{_COLUMNS[target.name]}"
    attribute = target.attribute
    if target.multi:
        if target.below is None and attribute.subs:
            value = attribute.subs.get("value")
            if value is None:
                raise ScimError(400, f"{target.name} has no value to sort by", "invalidPath")
            target, attribute = _Target(value, target.path, value.name, True, target.name), value
        element = compiler.element(target)
        found = (
            f"(SELECT {element} FROM {compiler.elements(target)} "
            "ORDER BY (e.v ->> 'primary') = 'true' DESC NULLS LAST LIMIT 1)"
        )
        return f'lower({found}) COLLATE "C"'
    if attribute.kind == "complex":
        raise ScimError(400, f"{target.name} is complex: sort by a sub-attribute", "invalidPath")
    text = compiler.text(target)
    if attribute.kind == "boolean":
        return f"({text})::boolean"
    return f'{text if attribute.exact else f"lower({text})"} COLLATE "C"'


def _decided(left: str, op: CompareOperator, right: str) -> str:
    if op == CompareOperator.eq:
        return f"coalesce({left} = {right}, false)"
    if op == CompareOperator.ne:
        return f"({left} IS DISTINCT FROM {right})"
    return f"coalesce({left} {_ORDERING[op]} {right}, false)"


def check(attribute: Attribute, node: Comparison) -> None:
    """The value has the attribute's type, and the operator suits it."""
    value, kind = node.value, attribute.kind
    name = node.attr_path
    if kind == "boolean":
        if not isinstance(value, bool):
            raise ScimError(400, f"{name} is compared with true or false", "invalidFilter")
        if node.op not in (CompareOperator.eq, CompareOperator.ne):
            raise ScimError(400, f"{name} is a boolean: use eq or ne", "invalidFilter")
    elif kind in ("integer", "decimal"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ScimError(400, f"{name} is compared with a number", "invalidFilter")
    elif not isinstance(value, str):
        raise ScimError(400, f"{name} is compared with a text in quotes", "invalidFilter")
    elif "\x00" in value:
        raise ScimError(400, "the filter holds a NUL character", "invalidFilter")
    if kind == "binary" and node.op in _ORDERING:
        raise ScimError(400, f"{name} has no order", "invalidFilter")


def instant(text: Any) -> datetime:
    """A date as XML Schema writes it."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise ScimError(
            400, f"{str(text)[:50]!r} is no date such as 2026-01-31T12:00:00Z", "invalidFilter"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def as_uuid(text: str) -> uuid.UUID | None:
    """An id, or None for a text that cannot be one of ours."""
    try:
        return uuid.UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def unknown(name: str) -> ScimError:
    return ScimError(400, f"{name[:100]} is no attribute that can be filtered by", "invalidFilter")
