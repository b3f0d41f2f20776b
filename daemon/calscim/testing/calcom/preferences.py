"""The locales and time zones that Cal.com accepts."""

import re
from functools import cache
from zoneinfo import available_timezones

LOCALES = frozenset(
    {"en", "fr", "it", "ru", "es", "de", "pt", "ro", "nl", "pt-BR", "ko", "ja", "pl", "ar"}
    | {"iw", "zh-CN", "zh-TW", "cs", "sr", "sv", "vi", "bn"}
)
# Cal.com checks against the npm package tzdata, which is older than these zones.
TOO_NEW = frozenset(
    {
        "America/Ciudad_Juarez",
        "America/Coyhaique",
        "America/Nuuk",
        "Europe/Kyiv",
        "Pacific/Kanton",
    }
)
_UPPER = re.compile(r"(?<![A-Za-z])(?:gmt|est|utc)(?![A-Za-z])", re.IGNORECASE)


def spelled(time_zone: str) -> str:
    """Return the name as Cal.com changes its case before the look-up.

    Each part between slashes and underscores gets one capital, then GMT, EST and UTC become capitals. That finds
    america/new_york, and misses US/Pacific and America/Port-au-Prince.
    """
    parts = [
        "_".join(word.capitalize() for word in part.split("_")) for part in time_zone.split("/")
    ]
    return _UPPER.sub(lambda found: found[0].upper(), "/".join(parts))


def is_time_zone(name: object) -> bool:
    """Return True for the exact name of a zone or link of the tz database that Cal.com knows."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - TOO_NEW
