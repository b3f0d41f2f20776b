"""Extensions that are stored without being understood: kept as they came, and changed by name.

Their attributes have no schema. Text is compared without regard to case (RFC 7643 section 2.2 makes that the default),
and whether an attribute has several values shows in the value that it has.
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
from calscim.scim import decode
from calscim.scim.filter.operands import compare
from calscim.scim.filter.parse import parse_path
from calscim.scim.redaction import is_password, selects_by_password

_END = re.compile(r"(?:user|group|\d+(?:\.\d+)*)", re.IGNORECASE)  # how the URN of a schema ends
_EMPTY: tuple[Any, ...] = (None, "", [], {})


def change(resource: dict[str, Any], op: str, path: str, value: Any) -> None:
    """Add, replace or remove an extension, or a part of one; what is not there is made (RFC 7644 section 3.5.2.1).

    Removing what is not there changes nothing. ScimError 400 for a path that names no extension, a value that is no
    object where one belongs, and a filter that selects nothing to replace.
    """
    if op == "remove":
        value = None
    if stored(resource, path) is not None or _is_whole(path, value):
        _set_whole(resource, path, value)
        return
    node = parse_path(path)
    at = node.attr_path if isinstance(node, ValuePath) else node
    if at.uri is None or is_password(path) or selects_by_password(path):
        return
    urn = stored(resource, at.uri)
    if urn is None and value is None:
        return
    if urn is None and not _is_schema(at.uri):
        raise ScimError(
            400,
            f"{path[:200]} names no attribute of an extension: the URN of one ends with a resource type or a version",
            "invalidPath",
        )
    urn = urn or decode.kept(at.uri, at.uri)
    host = resource.setdefault(urn, {})
    try:
        _set_part(host, op, node, value)
    finally:
        if not host:
            del resource[urn]


def is_changed_by(resource: dict[str, Any], name: str, value: Any) -> bool:
    """Return True if a key of a value without a path names an extension or an attribute of one; others are left out."""
    if stored(resource, name) is not None or _is_whole(name, value):
        return True
    try:
        node = parse_path(name)
    except ScimError:
        return False
    uri = node.uri if isinstance(node, AttrPath) else node.attr_path.uri
    return uri is not None and (stored(resource, uri) is not None or _is_schema(uri))


def stored(resource: dict[str, Any], urn: str) -> str | None:
    """A stored extension by its URN in any case."""
    low = urn.lower()
    return next((key for key in resource if key.lower() == low and low.startswith("urn:")), None)


def copied(value: Any) -> Any:
    """JSON values only, at a fraction of what copy.deepcopy costs."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, list):
        return [copied(part) for part in value]
    return value


# ------------------------------------------------------------------ a whole extension


def _is_whole(path: str, value: Any) -> bool:
    """Return True if a path that nothing is stored at names an extension rather than an attribute of one.

    The URN of an extension ends with a resource type or a version. A URN that ends otherwise names an extension if its
    value is an object, and if the part before its last colon does not end with a resource type or a version either.
    """
    before, _, last = path.rpartition(":")
    if _END.fullmatch(last):
        return True
    return isinstance(value, dict) and "[" not in path and not _is_schema(before)


def _is_schema(urn: str) -> bool:
    return _END.fullmatch(urn.rpartition(":")[2]) is not None


def _set_whole(resource: dict[str, Any], name: str, value: Any) -> None:
    """What is not named in the value stays; a value of None, or one that is empty, clears."""
    urn = stored(resource, name) or name
    if not value:
        resource.pop(urn, None)
        return
    if not isinstance(value, dict):
        raise ScimError(400, f"{name[:200]} takes an object", "invalidValue")
    resource[urn] = {**resource.get(urn, {}), **decode.kept_extension(name, value)}


# ------------------------------------------------------------------ a part of one


def _set_part(host: dict[str, Any], op: str, node: AttrPath | ValuePath, value: Any) -> None:
    at = node.attr_path if isinstance(node, ValuePath) else node
    name = _spelt(host, at.attr)
    made = None if value in _EMPTY else decode.kept(name, value)
    if isinstance(node, ValuePath):
        found = _selected(_entries(host, name), op, node, made)
    elif node.sub_attr is not None:
        found = _with_sub(host.get(name), node.sub_attr, made, name)
    else:
        found = _joined(host.get(name), made) if op == "add" else _replaced(host.get(name), made)
    if found in _EMPTY:
        host.pop(name, None)
    else:
        host[name] = found


def _joined(before: Any, made: Any) -> Any:
    """The values that there are and the new ones; null adds nothing, but takes a single value away."""
    if isinstance(before, list):
        new = made if isinstance(made, list) else [] if made is None else [made]
        known = {decode.equality(one) for one in before}
        return before + [one for one in new if decode.equality(one) not in known]
    return _replaced(before, made)


def _replaced(before: Any, made: Any) -> Any:
    """Sub-attributes that are not named stay (RFC 7644 section 3.5.2.3)."""
    if isinstance(before, dict) and isinstance(made, dict):
        return _filled({**before, **made})
    return made


def _with_sub(before: Any, sub: str, made: Any, name: str) -> Any:
    if before is None:
        before = {}
    if isinstance(before, list) and all(isinstance(one, dict) for one in before):
        return [one for one in (_put(one, sub, made) for one in before) if one]
    if isinstance(before, dict):
        return _put(before, sub, made)
    raise ScimError(400, f"{name[:100]} has no {sub[:100]}: it is no object", "invalidPath")


def _put(entry: dict[str, Any], sub: str, made: Any) -> dict[str, Any]:
    return _filled({**entry, _spelt(entry, sub): made})


def _filled(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value not in _EMPTY}


def _spelt(host: dict[str, Any], name: str) -> str:
    """The name as it is stored, in whatever case."""
    low = name.lower()
    return next((key for key in host if key.lower() == low), name)


# ------------------------------------------------------------------ values chosen by a filter


def _entries(host: dict[str, Any], name: str) -> list[Any]:
    before = host.get(name)
    if before is None:
        return []
    return before if isinstance(before, list) else [before]


def _selected(entries: list[Any], op: str, node: ValuePath, made: Any) -> list[Any]:
    """The values, with those that the filter selects changed; a missing one is made of the filter's equalities."""
    chosen = [_matches(node.val_filter, one) for one in entries]
    if not any(chosen) and made is not None:
        fresh = _described(node.val_filter)
        if fresh is None or (op == "replace" and node.sub_attr is None):
            raise ScimError(
                400,
                f"no value of {str(node.attr_path)[:200]} matches the filter: add one first",
                "noTarget",
            )
        entries, chosen = [*entries, fresh], [*chosen, True]
    changed = [
        _chosen(one, node.sub_attr, made) if selected else one
        for one, selected in zip(entries, chosen, strict=True)
    ]
    return [one for one in changed if one not in _EMPTY]


def _chosen(entry: Any, sub: str | None, made: Any) -> Any:
    if sub is None:
        return _replaced(entry, made)
    if not isinstance(entry, dict):
        raise ScimError(400, f"a value that is no object has no {sub[:100]}", "invalidPath")
    return _put(entry, sub, made)


def _described(node: FilterNode) -> dict[str, Any] | None:
    """The value that a filter of equalities describes; None for any other filter."""
    try:
        return dict(_equalities(node))
    except ValueError:
        return None


def _equalities(node: FilterNode) -> Iterator[tuple[str, Any]]:
    match node:
        case Comparison(attr_path=path, op=CompareOperator.eq, value=value) if value is not None:
            yield path.attr, decode.kept(path.attr, value)
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
            return _value(entry, path) not in _EMPTY
        case Not(expr=inner):
            return not _matches(inner, entry)
        case LogicalExpr(op=op, terms=terms):
            results = (_matches(term, entry) for term in terms)
            return all(results) if op == LogicalOperator.and_ else any(results)
    raise ScimError(400, "value filters cannot be nested", "invalidFilter")


def _value(entry: Any, path: AttrPath) -> Any:
    """A sub-attribute of a value; of one that is no object, "value" is itself."""
    if path.sub_attr is not None or path.uri is not None:
        raise ScimError(400, f"{str(path)[:100]} is not one attribute of a value", "invalidFilter")
    if isinstance(entry, dict):
        return entry.get(_spelt(entry, path.attr))
    return entry if path.attr.lower() == "value" else None


def _holds(op: CompareOperator, found: Any, wanted: Any) -> bool:
    """Values of two types are different, and neither is the greater one; "true" is true."""
    if op == CompareOperator.ne:
        return not _holds(CompareOperator.eq, found, wanted)
    if isinstance(found, bool) or isinstance(wanted, bool):
        found, wanted = (folded(str(one)) for one in (found, wanted))
        return op == CompareOperator.eq and bool(found == wanted)
    if isinstance(found, str) and isinstance(wanted, str):
        found, wanted = folded(trimmed(found)), folded(trimmed(wanted))
    elif op != CompareOperator.eq and not (
        isinstance(found, int | float) and isinstance(wanted, int | float)
    ):
        return False
    return compare(op, found, wanted)
