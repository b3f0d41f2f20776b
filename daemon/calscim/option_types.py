"""Types of configuration keys. Each type says how its values are written, and what to write instead of a wrong one.

A dataclass whose fields have these types is a section of the configuration: pydantic reads it from the file and from
variables. Programs and tests may construct the dataclass themselves; then its values are not checked.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, PlainValidator

E = TypeVar("E", bound=Enum)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d)$")
_PERCENT = re.compile(r"^(?P<number>\d+(?:\.\d+)?)\s*%$")
_WHOLE = re.compile(r"^-?\d{1,18}$")
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True}
_BOOLEANS |= {"false": False, "no": False, "off": False, "0": False}


class VariableText(str):
    """The text of a variable or an argument, which a validator converts to the type of its key."""

    __slots__ = ()


def type_of(value: object) -> str:
    """Return what a TOML value is called in an error message."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    names |= {VariableText: "text", dict: "a table"}
    return names.get(type(value), type(value).__name__)


def text(value: object) -> str:
    """Return the text without the white space around it; raise ValueError unless it is one line of text."""
    if not isinstance(value, str):
        raise ValueError(f"is {type_of(value)}: write text in quotes")
    if not value.strip():
        raise ValueError("is empty: write a value, or leave the key out")
    if "\0" in value or "\n" in value:
        raise ValueError("contains a line break or a NUL: write it on one line")
    return str(value.strip())


def duration(value: object) -> float:
    """Return the seconds of a duration such as "5m"; raise ValueError for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f'needs a unit: write "{value}s" for {value} seconds')
    match = _DURATION.match(text(value))
    if match is None:
        raise ValueError(f'{value!r} is not a duration: write "200ms", "30s", "5m", "2h" or "90d"')
    return float(match["number"]) * _UNITS[match["unit"]]


def format_duration(seconds: float) -> str:
    """Return a duration as it is written in the configuration: ``90m``, ``12h``."""
    unit = next(
        (one for one in reversed(_UNITS) if seconds >= _UNITS[one] and not seconds % _UNITS[one]),
        "s",
    )
    return f"{seconds / _UNITS[unit]:g}{unit}"


def positive_duration(value: object) -> float:
    """Return the seconds of a duration; raise ValueError if it is zero."""
    seconds = duration(value)
    if seconds <= 0:
        raise ValueError('must be longer than zero: write at least "1s"')
    return seconds


def percentage(written: str) -> float | None:
    """Return the number before the percent sign, or None if the text is not a percentage."""
    match = _PERCENT.match(written)
    return None if match is None else float(match["number"])


def share(value: object) -> float:
    """Return "50%" as 0.5; raise ValueError for anything but a percentage above 0 and up to 100."""
    percent = percentage(text(value))
    if percent is None or not 0 < percent <= 100:
        raise ValueError(f'{value!r} is not a share: write "1%" to "100%"')
    return percent / 100


def boolean(value: object) -> bool:
    """Return a boolean, also for a variable's "yes", "off" or "1"; raise ValueError for anything else."""
    if isinstance(value, VariableText):
        value = _BOOLEANS.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise ValueError(f"is {type_of(value)}: write true or false")
    return value


def whole(value: object) -> object:
    """Convert a variable's text to a number if it is one; return any other value unchanged."""
    is_number = isinstance(value, VariableText) and _WHOLE.match(value.strip())
    return int(str(value)) if is_number else value


def at_least(lowest: int) -> PlainValidator:
    """Return the validator of a whole number that is not below ``lowest``."""

    def read(written: object) -> int:
        value = whole(written)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"is {type_of(value)}: write a whole number without quotes")
        if not lowest <= value < 2**63:
            raise ValueError(f"is {value}: write a number of at least {lowest}")
        return value

    return PlainValidator(read)


def one_of(*choices: str) -> PlainValidator:
    """Return the validator of a text that is one of the choices."""

    def read(value: object) -> str:
        if text(value) not in choices:
            raise ValueError(f"{value!r} is not known: write one of {', '.join(choices)}")
        return text(value)

    return PlainValidator(read)


def member_of(choices: type[E]) -> PlainValidator:
    """Return the validator of a text that is the value of one of the enumeration's members."""
    check = one_of(*(one.value for one in choices)).func

    def read(value: object) -> E:
        return value if isinstance(value, choices) else choices(check(value))  # type: ignore[call-arg]

    return PlainValidator(read)


def or_off(read: Callable[[object], Any]) -> PlainValidator:
    """Return the validator of a value that may also be "off", which is None."""
    return PlainValidator(lambda value: None if value == "off" else read(value))


def listed(example: str, separator: str = ",") -> BeforeValidator:
    """Return the validator of a list, in front of those of its items. A variable has the separator between them."""

    def read(value: object) -> list[Any]:
        if isinstance(value, VariableText):
            return [part.strip() for part in value.split(separator) if part.strip()]
        if not isinstance(value, list):
            raise ValueError(f'is {type_of(value)}: write a list, as in ["{example}"]')
        return value

    return BeforeValidator(read)


Text = Annotated[str, PlainValidator(text)]
"""text"""
Boolean = Annotated[bool, PlainValidator(boolean)]
"""true or false"""
Count = Annotated[int, at_least(1)]
"""whole number, at least 1"""
Duration = Annotated[float, PlainValidator(positive_duration)]
"""duration"""
DurationOrZero = Annotated[float, PlainValidator(duration)]
"""duration, may be "0s\""""
DurationOrOff = Annotated[float | None, or_off(positive_duration)]
"""duration or "off\""""
Share = Annotated[float, PlainValidator(share)]
"""percentage"""
