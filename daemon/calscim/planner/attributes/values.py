"""Read the values of a SCIM user at a path, and compare the values of an attribute."""

import json
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import Any

from calscim.names import folded
from calscim.planner.observed_state import AttributeType
from calscim.planner.policy import AttributePath

# The value of a complex attribute if the path names no sub-attribute.
_MAIN = ("value", "display", "displayname", "formatted")


def read_values(source: AttributePath, data: MappingOf[str, Any]) -> tuple[str, ...]:
    """Return the distinct values at a path as text, the primary one first. Names match, ignoring case."""
    if source.schema is not None:
        data = _part(data, source.schema) or {}
    found = _part(data, source.attribute)
    if isinstance(found, str) and source.sub is None and source.where is None:  # the usual case
        text = found.strip()
        return (text,) if text else ()
    entries = found if isinstance(found, list) else [found]
    if source.where is not None:
        entries = [
            one
            for one in entries
            if folded(str(_part(one, source.where) or "")) == folded(source.equals or "")
        ]
    if len(entries) > 1:
        entries = sorted(entries, key=lambda one: _part(one, "primary") is not True)
    return tuple(dict.fromkeys(_texts(entries, source.sub)))


def _texts(entries: Iterable[Any], sub: str | None) -> Iterable[str]:
    for entry in entries:
        found = entry
        if sub is not None:
            found = _part(entry, sub)
        elif isinstance(entry, dict):
            found = next((part for name in _MAIN if (part := _part(entry, name)) is not None), None)
        for one in found if isinstance(found, list) else [found]:
            text = _text(one)
            if text:
                yield text


def _part(data: Any, name: str) -> Any:
    if not isinstance(data, dict):
        return None
    if name in data:
        return data[name]
    if not data:
        return None
    low = name.lower()
    return next((part for key, part in data.items() if key.lower() == low), None)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str):
        return str(value).strip()
    return ""


PREFERENCES = "@profile"  # stands for an attribute in the record of sent values


@cache
def encode_preferences(locale: str | None, time_zone: str | None) -> str:
    """Return the recorded form of a locale and a time zone that were sent; "" for neither."""
    sent = {"locale": locale, "time_zone": time_zone}
    return encode_values(tuple(f"{name} {value}" for name, value in sent.items() if value))


def normalize(kind: AttributeType, value: str) -> str | None:
    """Return the form in which values are compared and sent, or None if a number is malformed."""
    if kind is not AttributeType.NUMBER:
        return value
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) >= 10**15:
        return None
    return f"{number:f}".rstrip("0").rstrip(".") if "." in f"{number:f}" else f"{number:f}"


@lru_cache(maxsize=4096)  # many people share few values
def encode_values(values: tuple[str, ...]) -> str:
    """Return the recorded form of all values of a person's attribute; "" for none."""
    return json.dumps(sorted(values), ensure_ascii=False) if values else ""
