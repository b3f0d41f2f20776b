"""The values of a multi-valued attribute: joined, taken away, and at most one of them primary."""

from collections.abc import Sequence
from typing import Any

from calscim.errors import ScimError
from calscim.names import address_key
from calscim.scim import decode
from calscim.scim.schema import Attribute


def add_values(values: list[dict[str, Any]], added: Sequence[dict[str, Any]]) -> None:
    """A value that is there already, of the same kind, is brought up to date rather than doubled."""
    index = _Index(values)  # a thousand joining a thousand is no million
    primary = None
    for one in added:
        entry = index.find(one)
        if entry is None:
            if len(values) >= decode.MOST_VALUES:
                raise ScimError(400, f"store at most {decode.MOST_VALUES} values", "invalidValue")
            entry = one
            values.append(one)
            index.add(one)
        else:
            entry.update(one)
        if one.get("primary"):
            primary = entry
    if primary is not None:
        demote(values, primary)


class _Index:
    """Values by what makes two of them the same: "value", and "type" where it is given (RFC 7643 section 2.4)."""

    def __init__(self, values: Sequence[dict[str, Any]]) -> None:
        self._first: dict[Any, dict[str, Any]] = {}
        self._without_value: list[dict[str, Any]] = []
        for one in values:
            self.add(one)

    def add(self, one: dict[str, Any]) -> None:
        if "value" not in one:
            self._without_value.append(one)
            return
        for key in _sames(one):
            self._first.setdefault(key, one)

    def find(self, given: dict[str, Any]) -> dict[str, Any] | None:
        """The first value that is the same. One without "value" is compared by all that it has."""
        if "value" not in given:
            return next((one for one in self._without_value if _same(one, given)), None)
        return self._first.get(_given(given))


def _given(one: dict[str, Any]) -> tuple[Any, ...]:
    """What a value that is given is looked for by."""
    return tuple(_folded(one[name]) for name in ("value", "type") if name in one)


def _sames(one: dict[str, Any]) -> tuple[tuple[Any, ...], ...]:
    """All that a stored value is found by."""
    value = _folded(one.get("value"))
    return (value,), (value, _folded(one.get("type")))


def _same(stored: dict[str, Any], given: dict[str, Any]) -> bool:
    """Return True if a stored value has all that a value without "value" says."""
    return all(_folded(stored.get(name)) == _folded(given[name]) for name in given)


def _folded(value: Any) -> Any:
    return address_key(value) if isinstance(value, str) else value


def without(host: dict[str, Any], attribute: Attribute, value: Any) -> None:
    """Entra: remove with the values to be removed."""
    given = decode.coerced(attribute, attribute.name, value) or ()
    gone = {_given(one) for one in given if "value" in one}
    unvalued = [one for one in given if "value" not in one]  # such as addresses
    kept = [
        one
        for one in host.get(attribute.name, [])
        if not gone.intersection(_sames(one)) and not any(_same(one, other) for other in unvalued)
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
