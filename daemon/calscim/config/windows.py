"""Reads maintenance windows as they are written: days, from-to and time zone, ``"Sat 22:00-06:00 Europe/Berlin"``."""

import re
from datetime import UTC, tzinfo
from difflib import get_close_matches
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import PlainValidator

from calscim.option_types import listed
from calscim.option_types import text as line_of
from calscim.planner.safeguards.windows import Window

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EVERY = ("daily", "every day")
_FORM = re.compile(
    r"^(?P<days>every day|\S+)\s+(?P<begins>\d{1,2}:\d{2})\s*-\s*(?P<ends>\d{1,2}:\d{2})\s+(?P<zone>\S+)$",
    re.IGNORECASE,
)
_FULL_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EXAMPLE = "Sat 22:00-06:00 Europe/Berlin"


def window(value: object) -> Window:
    """Return the window; raise ValueError unless the value has days, from-to and a time zone."""
    text = line_of(value)
    found = _FORM.match(" ".join(text.split()))
    if found is None:
        raise ValueError(
            f'{text!r} is not a window: write days, from-to and a time zone, as in "{EXAMPLE}", '
            '"Mon-Fri 09:00-17:00 UTC" or "daily 02:00-03:00 America/New_York"'
        )
    days = _days(found["days"], text)
    begins, ends = _minute(found["begins"], text, last=23), _minute(found["ends"], text, last=24)
    return Window(days, begins, ends, _zone(found["zone"]), " ".join(text.split()))


def _days(words: str, text: str) -> frozenset[int]:
    if words.lower() in _EVERY:
        return frozenset(range(7))
    days: set[int] = set()
    for part in words.split(","):
        first, dash, last = part.partition("-")
        begin = _day(first, text)
        end = _day(last, text) if dash else begin
        days.update((begin + offset) % 7 for offset in range((end - begin) % 7 + 1))
    return frozenset(days)


def _day(word: str, text: str) -> int:
    for names in ([day.lower() for day in DAYS], _FULL_NAMES):
        if word.lower() in names:
            return names.index(word.lower())
    raise ValueError(
        f"{text!r} has an unknown day ({word!r}): write {', '.join(DAYS)}, "
        'ranges as "Mon-Fri", several as "Mon,Thu", or "daily"'
    )


def _minute(clock: str, text: str, *, last: int) -> int:
    hours, minutes = (int(part) for part in clock.split(":"))
    if minutes > 59 or hours > last or (hours == 24 and minutes):
        raise ValueError(
            f"{text!r} has an invalid time ({clock}): write 00:00 to 23:59, or 24:00 as the end"
        )
    return hours * 60 + minutes


def _zone(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
    if not known:
        raise ValueError(
            f"the time zone {name!r} cannot be looked up, because this machine has no time zone data: "
            "install the system's tzdata package, or write the window in UTC"
        )
    near = get_close_matches(name, known, n=1) or get_close_matches(name.title(), known, n=1)
    hint = f"did you mean {near[0]}?" if near else 'write a name of the IANA list, as in "UTC"'
    raise ValueError(f"there is no time zone {name!r}: {hint}")


# A variable has semicolons between windows, because there are commas between days.
Windows = Annotated[tuple[Annotated[Window, PlainValidator(window)], ...], listed(EXAMPLE, ";")]
"""list of windows"""
