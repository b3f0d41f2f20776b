"""Every key of settings with its value, as it would be written, and where the value comes from."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, get_type_hints

from calscim.config.keys import LISTS, OPTIONAL, SECTIONS, is_listed, keys_of
from calscim.config.model import Settings
from calscim.config.sources import Location
from calscim.config.values import Place, is_secret
from calscim.option_types import Duration, DurationOrOff, DurationOrZero, Share
from calscim.planner.safeguards.limits import LimitOrOff

HIDDEN = "***"
_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
_DURATIONS = (Duration, DurationOrZero, DurationOrOff)
_MAY_BE_OFF = (DurationOrOff, LimitOrOff)


@dataclass(frozen=True, slots=True)
class EffectiveKey:
    """A key of the configuration with its value.

    ``key``: with its section, as ``organization.acme.api_url``. ``value``: as it is written in the file; a secret is
    only ``***``, and None means that the key has no value. ``source``: the variable or the key in the file that gave
    the value, or ``default``.
    """

    key: str
    value: str | int | bool | list[Any] | None
    source: str


def effective_keys(settings: Settings, origin: Callable[[Location], str]) -> Iterator[EffectiveKey]:
    """Yield every key in the order of the sections. ``origin``: where the value at a location comes from."""
    for section in SECTIONS:
        outer, _, inner = section.partition(".")
        field = LISTS.get(outer, outer)
        found = getattr(settings, field)
        if is_listed(section):
            if not inner:  # an inner list is the value of a key
                for number, row in enumerate(found):
                    yield from _keys(section, f"{outer}.{row.name}", row, (field, number), origin)
            continue
        part = getattr(found, inner) if inner and found is not None else found
        if part is not None:
            yield from _keys(section, section, part, tuple(section.split(".")), origin)


def _keys(
    section: str, label: str, part: Any, at: Location, origin: Callable[[Location], str]
) -> Iterator[EffectiveKey]:
    hints = get_type_hints(type(part), include_extras=True)
    by_field = {key.field: key for key in keys_of(SECTIONS[section]).values()}
    for field in fields(part):
        key = by_field[field.name]
        if f"{section}.{key.name}" in OPTIONAL:
            continue
        value = getattr(part, field.name)
        is_hidden = key.place in {Place.SECRET, Place.SECRETS} and value and is_secret(value)
        shown = HIDDEN if is_hidden else _written(value, hints[field.name])
        yield EffectiveKey(f"{label}.{key.name}", shown, origin((*at, key.name)))


def _written(value: Any, hint: Any) -> Any:
    """Return a value as it is written in the file."""
    if value is None:
        return "off" if hint in _MAY_BE_OFF else None
    if hint in _DURATIONS:
        unit = next(
            (one for one, size in _UNITS.items() if value >= size and not value % size), "s"
        )
        return f"{value / _UNITS[unit]:g}{unit}"
    if hint == Share:
        return f"{value:.0%}"
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list | frozenset):
        return [_plain(one) for one in value]
    if hasattr(value, "text"):  # a maintenance window
        return value.text
    if (
        is_dataclass(value)
        and not isinstance(value, type)
        and type(value).__str__ is object.__str__
    ):
        return {name: _plain(one) for name, one in asdict(value).items() if one is not None}
    return value if isinstance(value, str | int | bool) else str(value)
