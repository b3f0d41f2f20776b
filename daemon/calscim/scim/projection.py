"""The parameters ``attributes`` and ``excludedAttributes`` (RFC 7644 section 3.9), on resources as dicts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from calscim.errors import ScimError

_ALWAYS = frozenset({"schemas", "id"})
MAX_NAMES = 200


@dataclass(frozen=True, slots=True)
class Projection:
    """Which attributes a response shows. With neither list it shows all of them."""

    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.only or self.without)

    @classmethod
    def of(cls, only: str | None, without: str | None) -> "Projection":
        """Return the projection of a request. Raise ScimError(400) if it has both lists."""
        if only and without:
            raise ScimError(
                400,
                "attributes and excludedAttributes exclude each other: send one of them",
                "invalidValue",
            )
        return cls(_names(only), _names(without))

    def needs(self, attribute: str) -> bool:
        """Return True if the response shows a top-level attribute. Others need not be read."""
        key = attribute.lower()
        if self.only:
            return any(name == key or name.startswith(f"{key}.") for name in self.only)
        return key not in self.without

    def apply(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Return the resource with the attributes that the response shows."""
        if self.only:
            return _kept(resource, self.only | _ALWAYS)
        if self.without:
            return _dropped(resource, self.without - _ALWAYS)
        return resource


def _names(text: str | None) -> frozenset[str]:
    if not text:
        return frozenset()
    names = {_short_name(name.strip()) for name in text.split(",") if name.strip()}
    if len(names) > MAX_NAMES:
        raise ScimError(
            400, f"the list has more than {MAX_NAMES} attributes: name fewer", "invalidValue"
        )
    return frozenset(names)


def _short_name(name: str) -> str:
    """Return a name in lower case, without the URN of a core schema. The URN of an extension stays."""
    key = name.lower()
    for core in ("user", "group"):
        key = key.removeprefix(f"urn:ietf:params:scim:schemas:core:2.0:{core}:")
    return key


def _split(names: Iterable[str], key: str) -> frozenset[str]:
    """The names below ``key``: after a dot, or after the colon of an extension's URN."""
    below = set()
    for name in names:
        for mark in (".", ":"):
            if name.startswith(key + mark):
                below.add(name[len(key) + 1 :])
    return frozenset(below)


def _kept(value: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    shown = {}
    for key, part in value.items():
        lower = key.lower()
        if lower in names:
            shown[key] = part
        elif below := _split(names, lower):
            left = _each(part, below, _kept)
            if isinstance(left, list):
                left = [entry for entry in left if entry != {}]
            if left not in ({}, [], None):
                shown[key] = left
    return shown


def _dropped(value: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    shown = {}
    for key, part in value.items():
        lower = key.lower()
        if lower not in names:
            below = _split(names, lower)
            shown[key] = _each(part, below, _dropped) if below else part
    return shown


def _each(value: Any, names: frozenset[str], change: Any) -> Any:
    if isinstance(value, list):
        return [change(entry, names) if isinstance(entry, dict) else entry for entry in value]
    return change(value, names) if isinstance(value, dict) else value
