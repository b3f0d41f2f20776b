"""The values of a multi-valued attribute: how they are added and removed, and that at most one is primary."""

from collections.abc import Sequence
from typing import Any

from calscim.names import address_key
from calscim.scim.coerce import MAX_VALUES, coerce, too_many_values
from calscim.scim.schema import Attribute

Value = dict[str, Any]


def add_values(values: list[Value], added: Sequence[Value]) -> None:
    """Add values. One that equals a stored value of the same type updates that value."""
    index = _Index(
        values
    )  # so that adding a thousand values to a thousand takes no million comparisons
    primary = None
    for value in added:
        entry = index.find(value)
        if entry is None:
            if len(values) >= MAX_VALUES:
                raise too_many_values("the attribute")
            entry = value
            values.append(value)
            index.add(value)
        else:
            entry.update(value)
        if value.get("primary"):
            primary = entry
    if primary is not None:
        demote_others(values, primary)


class _Index:
    """Values by what makes two of them equal: "value", and "type" if it is given (RFC 7643 section 2.4)."""

    def __init__(self, values: Sequence[Value]) -> None:
        self._first: dict[Any, Value] = {}
        self._without_value: list[Value] = []
        for value in values:
            self.add(value)

    def add(self, value: Value) -> None:
        if "value" not in value:
            self._without_value.append(value)
            return
        for key in _stored_keys(value):
            self._first.setdefault(key, value)

    def find(self, given: Value) -> Value | None:
        """Return the first equal value. All parts of one without "value" are compared."""
        if "value" not in given:
            return next((value for value in self._without_value if _contains(value, given)), None)
        return self._first.get(_given_key(given))


def _given_key(value: Value) -> tuple[Any, ...]:
    """Return the key by which a given value is looked up."""
    return tuple(_folded(value[name]) for name in ("value", "type") if name in value)


def _stored_keys(value: Value) -> tuple[tuple[Any, ...], ...]:
    """Return the keys by which a stored value is found."""
    key = _folded(value.get("value"))
    return (key,), (key, _folded(value.get("type")))


def _contains(stored: Value, given: Value) -> bool:
    """Return True if a stored value has every part of a given one."""
    return all(_folded(stored.get(name)) == _folded(given[name]) for name in given)


def _folded(value: Any) -> Any:
    return address_key(value) if isinstance(value, str) else value


def remove_values(resource: dict[str, Any], attribute: Attribute, value: Any) -> None:
    """Remove the values that a remove operation lists, as Entra sends it."""
    given = coerce(attribute, attribute.name, value) or ()
    removed = {_given_key(entry) for entry in given if "value" in entry}
    without_value = [entry for entry in given if "value" not in entry]  # such as addresses
    kept = [
        stored
        for stored in resource.get(attribute.name, [])
        if not removed.intersection(_stored_keys(stored))
        and not any(_contains(stored, entry) for entry in without_value)
    ]
    _set_values(resource, attribute, kept)


def drop_empty_values(resource: dict[str, Any], attribute: Attribute) -> None:
    """Remove the values of which only the type is left, or whether they are primary."""
    values = resource.get(attribute.name, [])
    _set_values(
        resource, attribute, [value for value in values if value.keys() - {"primary", "type"}]
    )


def _set_values(resource: dict[str, Any], attribute: Attribute, values: list[Value]) -> None:
    if values:
        resource[attribute.name] = values
    else:
        resource.pop(attribute.name, None)


def demote_others(values: list[Value], primary: Value) -> None:
    """Make every other value not primary."""
    for value in values:
        if value is not primary and value.get("primary"):
            value["primary"] = False
