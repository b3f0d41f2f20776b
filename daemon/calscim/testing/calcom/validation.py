"""Validation of request bodies and queries. The error lists every failed check of every field."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

from calscim.testing.calcom.shapes import Refused

NOTHING: Any = object()  # the default of a field without a default


@dataclass(frozen=True, slots=True)
class Check:
    """One constraint: its name, its message with ``{field}``, and the test."""

    name: str
    sentence: str
    passes: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Field:
    """A field that Cal.com knows. Without a default it may be left out or null, unless it is required."""

    name: str
    checks: tuple[Check, ...] = ()
    default: Any = NOTHING
    required: bool = False
    convert: Callable[[Any], Any] | None = None  # applied before the checks

    def failures(self, target: Mapping[str, Any]) -> dict[str, str]:
        """Return the messages of the violated constraints by name."""
        value = target.get(self.name)
        if value is None and not self.required and self.default is NOTHING:
            return {}
        return {
            check.name: check.sentence.format(field=self.name)
            for check in self.checks
            if not check.passes(value)
        }


def validate(fields: Iterable[Field], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known fields with their defaults. Unknown fields are ignored.

    Raise Refused(400) with an entry in ``details.errors`` for each invalid field.
    """
    fields = tuple(fields)
    target = {one.name: one.default for one in fields if one.default is not NOTHING}
    for one in fields:
        if one.name in given:
            value = given[one.name]
            target[one.name] = value if one.convert is None else one.convert(value)
    errors = [_error(one, target, failures) for one in fields if (failures := one.failures(target))]
    if errors:
        raise Refused(400, "BadRequestException", "Bad Request Exception", {"errors": errors})
    return target


def _error(one: Field, target: Mapping[str, Any], failures: dict[str, str]) -> dict[str, Any]:
    shown = {name: _as_javascript(value) for name, value in target.items()}
    error: dict[str, Any] = {"target": shown}
    if one.name in shown:
        error["value"] = shown[one.name]
    return {**error, "property": one.name, "children": [], "constraints": failures}


def _as_javascript(value: Any) -> Any:
    """Return a value as JavaScript serializes it: NaN becomes null."""
    return None if isinstance(value, float) and isnan(value) else value
