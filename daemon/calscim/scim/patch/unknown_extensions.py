"""PATCH operations on extensions that have no schema here. They are stored as they came, and changed by name.

Texts are compared without regard to case, which RFC 7643 section 2.2 makes the default. An attribute has several values
if its stored value is a list.
"""

import re
from collections.abc import Iterator
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
from calscim.names import folded, trimmed
from calscim.scim.coerce import (
    assigned,
    copy_extension,
    copy_unknown,
    equality_key,
    is_unassigned,
)
from calscim.scim.filter.operands import compare
from calscim.scim.filter.parse import nested_brackets, parse_path
from calscim.scim.redaction import is_password, selects_by_password

_SCHEMA_ENDING = re.compile(
    r"(?:user|group|\d+(?:\.\d+)*)", re.IGNORECASE
)  # of the URN of a schema


def change(resource: dict[str, Any], op: str, path: str, value: Any) -> None:
    """Add, replace or remove an extension or a part of one. What is missing is created (RFC 7644 section 3.5.2.1).

    The removal of what is missing changes nothing. Raise ScimError(400) for a path that names no extension, for a value
    that must be an object and is not, and for a filter that selects nothing to replace.
    """
    if op == "remove":
        value = None
    if stored_urn(resource, path) is not None or _is_whole(path, value):
        _set_whole(resource, path, value)
        return
    node = parse_path(path)
    at = node.attr_path if isinstance(node, ValuePath) else node
    if at.uri is None or is_password(path) or selects_by_password(path):
        return
    urn = stored_urn(resource, at.uri)
    if urn is None and value is None:
        return
    if urn is None and not _is_schema(at.uri):
        raise ScimError(
            400,
            f"{path[:200]} is not an attribute of an extension: its URN must end with a resource type or a version",
            "invalidPath",
        )
    urn = urn or copy_unknown(at.uri, at.uri)
    extension = resource.setdefault(urn, {})
    try:
        _set_part(extension, op, node, value)
    finally:
        if not extension:
            del resource[urn]


def names_one(resource: dict[str, Any], name: str, value: Any) -> bool:
    """Return True if a key of a value names an extension or an attribute of one. Other keys are ignored."""
    if stored_urn(resource, name) is not None or _is_whole(name, value):
        return True
    try:
        node = parse_path(name)
    except ScimError:
        return False
    uri = node.uri if isinstance(node, AttrPath) else node.attr_path.uri
    return uri is not None and (stored_urn(resource, uri) is not None or _is_schema(uri))


def stored_urn(resource: dict[str, Any], urn: str) -> str | None:
    """Return the URN of a stored extension as it is spelled, by the URN in any case."""
    low = urn.lower()
    return next((key for key in resource if key.lower() == low and low.startswith("urn:")), None)


def copy_json(value: Any) -> Any:
    """Return a copy of a JSON value, in a fraction of the time that copy.deepcopy takes."""
    if isinstance(value, dict):
        return {key: copy_json(part) for key, part in value.items()}
    if isinstance(value, list):
        return [copy_json(part) for part in value]
    return value


# ------------------------------------------------------------------ a whole extension


def _is_whole(path: str, value: Any) -> bool:
    """Return True if a path without a stored value names an extension and not an attribute of one.

    The URN of an extension ends with a resource type or a version. A URN that ends otherwise names an extension if its
    value is an object, and if the part before its last colon does not end with a resource type or a version either.
    """
    before, _, last = path.rpartition(":")
    if _SCHEMA_ENDING.fullmatch(last):
        return True
    return isinstance(value, dict) and "[" not in path and not _is_schema(before)


def _is_schema(urn: str) -> bool:
    return _SCHEMA_ENDING.fullmatch(urn.rpartition(":")[2]) is not None


def _set_whole(resource: dict[str, Any], name: str, value: Any) -> None:
    """Set the named attributes of an extension; the others stay. An empty value clears the extension."""
    urn = stored_urn(resource, name) or name
    if not value:
        resource.pop(urn, None)
        return
    if not isinstance(value, dict):
        raise ScimError(400, f"{name[:200]} is an extension: send an object", "invalidValue")
    extension = _merged(resource.get(urn, {}), copy_extension(name, value))
    if extension:
        resource[urn] = extension
    else:
        resource.pop(urn, None)


# ------------------------------------------------------------------ a part of an extension


def _set_part(extension: dict[str, Any], op: str, node: AttrPath | ValuePath, value: Any) -> None:
    at = node.attr_path if isinstance(node, ValuePath) else node
    name = _stored_name(extension, at.attr)
    before = extension.get(name)
    new = copy_unknown(name, value)
    if isinstance(node, ValuePath):
        after: Any = _change_selected(_as_list(before), op, node, new)
    elif node.sub_attr is not None:
        after = _with_sub_attribute(before, node.sub_attr, new, name)
    else:
        after = _added(before, new) if op == "add" else _replaced(before, new)
    if is_unassigned(after):
        extension.pop(name, None)
    else:
        extension[name] = after


def _added(before: Any, new: Any) -> Any:
    """Return the stored values and the new ones. Null adds nothing to a list, and clears a single value."""
    if isinstance(before, list):
        known = {equality_key(value) for value in before}
        added = _as_list(assigned(new))
        return before + [value for value in added if equality_key(value) not in known]
    return _replaced(before, new)


def _replaced(before: Any, new: Any) -> Any:
    """Return the new value. Of an object, sub-attributes that are not named stay (RFC 7644 section 3.5.2.3)."""
    if isinstance(before, dict) and isinstance(new, dict):
        return _merged(before, new)
    return assigned(new)


def _with_sub_attribute(before: Any, sub: str, new: Any, name: str) -> Any:
    if before is None:
        before = {}
    if isinstance(before, list) and all(isinstance(value, dict) for value in before):
        changed = (_set_sub_attribute(value, sub, new) for value in before)
        return [value for value in changed if value]
    if isinstance(before, dict):
        return _set_sub_attribute(before, sub, new)
    raise ScimError(
        400,
        f"{name[:100]} is not an object and has no {sub[:100]}: replace the whole value",
        "invalidPath",
    )


def _set_sub_attribute(entry: dict[str, Any], sub: str, new: Any) -> dict[str, Any]:
    return _merged(entry, {sub: new})


def _merged(before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the stored object with the new values, under the names that are stored. An empty value clears its name."""
    after = dict(before)
    for name, value in new.items():
        after[_stored_name(after, name)] = value
    return dict(assigned(after))


def _stored_name(entry: dict[str, Any], name: str) -> str:
    """Return the name as it is stored, whatever its case."""
    low = name.lower()
    return next((key for key in entry if key.lower() == low), name)


# ------------------------------------------------------------------ values that a filter selects


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _change_selected(entries: list[Any], op: str, node: ValuePath, new: Any) -> list[Any]:
    """Return the values after a change of those that the filter selects.

    If it selects none, a value is created from the equalities of the filter.
    """
    if isinstance(new, list) and node.sub_attr is None:
        if len(new) > 1:
            raise ScimError(
                400,
                f"a path with a filter on {str(node.attr_path)[:200]} takes one value: send it without a list",
                "invalidValue",
            )
        new = new[0] if new else None
    selected = [_matches(node.val_filter, entry) for entry in entries]
    if not any(selected) and not is_unassigned(new):
        described = _described_value(node.val_filter)
        if described is None or (op == "replace" and node.sub_attr is None):
            raise ScimError(
                400,
                f"no value of {str(node.attr_path)[:200]} matches the filter: add one first",
                "noTarget",
            )
        entries, selected = [*entries, described], [*selected, True]
    changed = [
        _change_one(entry, node.sub_attr, new) if is_selected else entry
        for entry, is_selected in zip(entries, selected, strict=True)
    ]
    return [entry for entry in changed if not is_unassigned(entry)]


def _change_one(entry: Any, sub: str | None, new: Any) -> Any:
    if sub is None:
        return _replaced(entry, new)
    if not isinstance(entry, dict):
        raise ScimError(
            400,
            f"the selected value is not an object and has no {sub[:100]}: replace the whole value",
            "invalidPath",
        )
    return _set_sub_attribute(entry, sub, new)


def _described_value(node: FilterNode) -> dict[str, Any] | None:
    """Return the value that a filter of equalities describes, or None for any other filter."""
    try:
        return dict(_equalities(node))
    except ValueError:
        return None


def _equalities(node: FilterNode) -> Iterator[tuple[str, Any]]:
    match node:
        case Comparison(attr_path=path, op=CompareOperator.eq, value=value) if value is not None:
            yield path.attr, copy_unknown(path.attr, value)
        case LogicalExpr(op=LogicalOperator.and_, terms=terms):
            for term in terms:
                yield from _equalities(term)
        case _:
            raise ValueError("not only equalities")


def _matches(node: FilterNode, entry: Any) -> bool:
    match node:
        case Comparison(attr_path=path, op=op, value=wanted):
            return _holds(op, _value(entry, path), wanted)
        case Present(attr_path=path):
            return not is_unassigned(_value(entry, path))
        case Not(expr=inner):
            return not _matches(inner, entry)
        case LogicalExpr(op=op, terms=terms):
            results = (_matches(term, entry) for term in terms)
            return all(results) if op == LogicalOperator.and_ else any(results)
    raise nested_brackets()


def _value(entry: Any, path: AttrPath) -> Any:
    """Return a sub-attribute of a value. A value that is not an object is its own "value"."""
    if path.sub_attr is not None or path.uri is not None:
        raise ScimError(
            400,
            f"{str(path)[:100]} is not a sub-attribute: name one without a dot or a URN",
            "invalidFilter",
        )
    if isinstance(entry, dict):
        return entry.get(_stored_name(entry, path.attr))
    return entry if path.attr.lower() == "value" else None


def _holds(op: CompareOperator, found: Any, wanted: Any) -> bool:
    """Return True if the comparison holds. Values of different types are not equal and have no order.

    The text "true" equals the boolean.
    """
    if op == CompareOperator.ne:
        return not _holds(CompareOperator.eq, found, wanted)
    if isinstance(found, bool) or isinstance(wanted, bool):
        found, wanted = (folded(str(value)) for value in (found, wanted))
        return op == CompareOperator.eq and bool(found == wanted)
    if isinstance(found, str) and isinstance(wanted, str):
        found, wanted = folded(trimmed(found)), folded(trimmed(wanted))
    elif op != CompareOperator.eq and not (
        isinstance(found, int | float) and isinstance(wanted, int | float)
    ):
        return False
    return compare(op, found, wanted)
