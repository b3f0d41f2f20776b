"""Every key of settings with its value, as it would be written, and where the value comes from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, get_type_hints

from calscim.config.keys import LISTS, OPTIONAL, SECTIONS, is_listed, keys_of, section_of
from calscim.config.model import Settings
from calscim.config.sources import Location, label
from calscim.config.values import NamedFile, Place, is_secret
from calscim.option_types import Duration, DurationOrOff, DurationOrZero, Share, format_duration
from calscim.planner.safeguards.limits import LimitOrOff

HIDDEN = "***"
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
    for section, prefix, part, at in _parts(settings):
        yield from _keys(section, prefix, part, at, origin)


def secret_values(settings: Settings) -> Iterator[str | bytes]:
    """Yield the value of every key that is a secret: text, such as an API key or a DSN, or the bytes of a key."""
    for section, _, part, _ in _parts(settings):
        for key in {one.field: one for one in keys_of(SECTIONS[section]).values()}.values():
            value = getattr(part, key.field)
            if key.place is Place.SECRETS:
                yield from value
            elif key.place is Place.SECRET and isinstance(value, str | bytes):
                yield value


def _parts(settings: Settings) -> Iterator[tuple[str, str, Any, Location]]:
    """Yield each section that the settings have: its name, its label, its dataclass and its location."""
    for section in SECTIONS:
        outer, _, inner = section.partition(".")
        field = LISTS.get(outer, outer)
        found = getattr(settings, field)
        if is_listed(section):
            if not inner:  # an inner list is the value of a key
                for number, row in enumerate(found):
                    yield section, f"{outer}.{row.name}", row, (field, number)
            continue
        part = getattr(found, inner) if inner and found is not None else found
        if part is not None:
            yield section, section, part, tuple(section.split("."))


def written_keys(
    tables: Mapping[str, Any], places: Iterable[Location], origin: Callable[[Location], str]
) -> Iterator[EffectiveKey]:
    """Yield the values as they are written, for a configuration with problems: unchecked, and without defaults.

    ``places``: the locations of the values in the tables.
    """
    for at in places:
        section = ".".join(
            one for one in (section_of(str(at[0])), *at[1:-1]) if isinstance(one, str)
        )
        if len(at) > 3 and is_listed(section):  # an inner list is the value of a key
            continue
        key = keys_of(SECTIONS[section])[str(at[-1])]
        value = _at(tables, at)
        if f"{section}.{key.name}" in OPTIONAL or value is None:
            continue
        if key.place in {Place.SECRET, Place.SECRETS} and is_secret(value):
            value = HIDDEN
        yield EffectiveKey(label(at, tables), _as_written(value), origin(at))


def _at(tables: Mapping[str, Any], at: Location) -> Any:
    """Return the value at a location; None if a problem kept it out of the tables."""
    value: Any = tables
    for part in at:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _as_written(value: Any) -> Any:
    """Return a value that JSON can have."""
    match value:
        case bool() | int() | list():
            return value
        case NamedFile(written=written):
            return str(written)
    return str(value)


def _keys(
    section: str, prefix: str, part: Any, at: Location, origin: Callable[[Location], str]
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
        yield EffectiveKey(f"{prefix}.{key.name}", shown, origin((*at, key.name)))


def _written(value: Any, hint: Any) -> Any:
    """Return a value as it is written in the file."""
    if value is None:
        return "off" if hint in _MAY_BE_OFF else None
    if hint in _DURATIONS:
        return format_duration(value)
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
