"""Filters and sort orders (RFC 7644 section 3.4.2) compiled to the SQL of a list."""

from scim2_models.path import AttrPath

from calscim.directory.keyset_pages import Listing
from calscim.errors import ScimError
from calscim.scim.filter.compile import compile_filter, is_beside
from calscim.scim.filter.operands import check_text, comparable
from calscim.scim.filter.parse import parse_path
from calscim.scim.filter.sql_values import COLUMNS, SqlValues
from calscim.scim.filter.target import Target, find_target
from calscim.scim.schema import Type

# Characters of a value without an index that order a list: a cursor carries them, and has to fit into a URL.
MAX_SORT_KEY = 400


def compile_listing(
    kind: Type,
    filter_text: str | None,
    sort_by: str | None,
    beside: Type | None = None,
    *,
    descending: bool = False,
) -> Listing:
    """Return the SQL of a filter and an order. Raise ScimError(400) with invalidFilter or invalidPath.

    ``beside``: the other type of a list of both types. An attribute that only the other type has is without a value.
    """
    selected = Listing() if filter_text is None else compile_filter(kind, filter_text, beside)
    if sort_by is None or _lacks(kind, sort_by, beside):
        return selected
    values = SqlValues(kind, list(selected.parameters))
    target = _sort_target(kind, sort_by)
    indexed = values.indexed(target)
    if indexed is None or indexed.owners:
        key, key_type, nullable = _key(values, target), "text", True
    else:
        key, key_type, nullable = indexed.value, indexed.match.sql_type, indexed.nullable
    return Listing(selected.where, key, key_type, descending, nullable, tuple(values.parameters))


def _lacks(kind: Type, text: str, beside: Type | None) -> bool:
    """Return True for an attribute that only the type beside has: no resource of this type has a value."""
    if beside is None:
        return False
    try:
        check_text(text, "invalidPath")
        path = parse_path(text)
    except ScimError:
        return False
    return isinstance(path, AttrPath) and is_beside(kind, path, beside)


def _sort_target(kind: Type, text: str) -> Target:
    """Return the attribute to sort by. Raise ScimError(400, invalidPath) if there is none or it has no order."""
    check_text(text, "invalidPath")
    try:
        path = parse_path(text)
        target = find_target(kind, path) if isinstance(path, AttrPath) else None
    except ScimError:
        target = None
    if target is None:
        raise ScimError(
            400,
            f"sortBy {text[:100]!r} is not an attribute of a {kind.name}: "
            "name an attribute of its schema",
            "invalidPath",
        )
    attribute = target.attribute
    if target.multi and target.below is None and "value" in attribute.subs:
        attribute = attribute.subs["value"]
        target = Target(attribute, target.path, attribute.name, True, f"{target.name}.value")
    if attribute.kind in ("complex", "binary"):
        raise ScimError(
            400,
            f"sortBy {text[:100]} is {attribute.kind} and has no order: name a sub-attribute "
            "such as name.familyName, or an attribute that holds text",
            "invalidPath",
        )
    return target


def _key(values: SqlValues, target: Target) -> str:
    """Return the value as a text whose code points order it: false before true, an earlier moment before a later."""
    if target.name in COLUMNS:
        return f"calscim.iso_timestamp({values.row}.{COLUMNS[target.name]})"
    value = _chosen(values, target) if target.multi else values.text(target)
    if target.attribute.kind == "boolean":
        return f"({value})::boolean::text"
    return f"left({comparable(value, target.attribute)}, {MAX_SORT_KEY})"


def _chosen(values: SqlValues, target: Target) -> str:
    """Return the primary value of a multi-valued attribute, or else the first."""
    return (
        f"(SELECT {values.element(target)} FROM {values.elements(target)} "
        "ORDER BY coalesce(e.v ->> 'primary', '') = 'true' DESC, e.place LIMIT 1)"
    )
