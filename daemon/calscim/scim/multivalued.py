"""The values of a multi-valued attribute: joined, taken away, and at most one of them primary."""

from collections.abc import Sequence
from typing import Any

from calscim.errors import ScimError
from calscim.names import address_key
from calscim.scim import payload
from calscim.scim.schema import Attribute


def add_values(values: list[dict[str, Any]], added: Sequence[dict[str, Any]]) -> None:
    """A value that is there already, of the same kind, is brought up to date rather than doubled."""
    index: dict[Any, list[dict[str, Any]]] = {}  # a thousand joining a thousand is no million
    for one in values:
        index.setdefault(_folded(one.get("value")), []).append(one)
    for one in added:
        alike = index.setdefault(_folded(one.get("value")), [])
        entry = next((other for other in alike if _same(other, one)), None)
        if entry is None:
            if len(values) >= payload.MOST_VALUES:
                raise ScimError(400, f"store at most {payload.MOST_VALUES} values", "invalidValue")
            entry = one
            values.append(one)
            alike.append(one)
        else:
            entry.update(one)
        if one.get("primary"):
            demote(values, entry)


def _same(stored: dict[str, Any], given: dict[str, Any]) -> bool:
    """The same value and, where one is given, the same type (RFC 7643 section 2.4)."""
    names = ("value", "type") if "value" in given else tuple(given)
    return all(_folded(stored.get(name)) == _folded(given[name]) for name in names if name in given)


def _folded(value: Any) -> Any:
    return address_key(value) if isinstance(value, str) else value


def without(host: dict[str, Any], attribute: Attribute, value: Any) -> None:
    """Entra: remove with the values to be removed."""
    gone: dict[Any, list[dict[str, Any]]] = {}
    for one in payload.coerced(attribute, attribute.name, value) or ():
        gone.setdefault(_folded(one.get("value")), []).append(one)
    unvalued = gone.get(None, [])  # such as addresses: compared by all that is given
    kept = [
        one
        for one in host.get(attribute.name, [])
        if not any(
            _same(one, other) for other in (*gone.get(_folded(one.get("value")), ()), *unvalued)
        )
    ]
    if kept:
        host[attribute.name] = kept
    else:
        host.pop(attribute.name, None)


def prune(host: dict[str, Any], attribute: Attribute) -> None:
    """Values of which nothing is left but their kind are no values."""
    values = [one for one in host.get(attribute.name, []) if one.keys() - {"primary", "type"}]
    if values:
        host[attribute.name] = values
    else:
        host.pop(attribute.name, None)


def demote(values: list[dict[str, Any]], but: dict[str, Any]) -> None:
    """A new primary value ends the old one's being so."""
    for other in values:
        if other is not but and other.get("primary"):
            other["primary"] = False
