"""Translate a directory's locale and time zone into values that Cal.com accepts.

Identity providers send BCP 47 language tags and IANA or Windows time zone names in any spelling. Cal.com's API v2
validates both against fixed lists and rejects the whole request if one is wrong. A value without a translation is
None, so that the caller leaves it out; nothing here raises for a value that a directory sent.

The tables come from packages that are updated with their grant: langcodes (IANA's language subtag registry, Unicode
CLDR), tzdata (the IANA time zone database) and tzlocal (CLDR's windowsZones). They are loaded on first use, because
commands such as ``calscim --help`` need none of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType

LOCALES = (
    "en", "fr", "it", "ru", "es", "de", "pt", "ro", "nl", "pt-BR", "ko",
    "ja", "pl", "ar", "iw", "zh-CN", "zh-TW", "cs", "sr", "sv", "vi", "bn",
)  # fmt: skip
"""The locales that Cal.com accepts when a user is changed, in the order in which its API lists them."""

_CHINESE = {"Hans": "zh-CN", "Hant": "zh-TW"}

_NEW_NAMES = frozenset(
    {
        "America/Ciudad_Juarez",  # 2022g
        "America/Coyhaique",  # 2025b
        "America/Nuuk",  # 2020a
        "Europe/Kyiv",  # 2022b
        "Pacific/Kanton",  # 2021b
    }
)
"""Names that the IANA database gained from 2020 on, each with the release that added it (source: its NEWS file).

Cal.com ships a copy of the database that can be years old, and rejects the names it does not know.
"""

_PLACEHOLDER = "Factory"  # a zone that means "not configured"
_POSIX_ZONES = {
    "CST6CDT": "America/Chicago",
    "EST5EDT": "America/New_York",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
}
"""Zones of no place that follow the rules of the United States. Some releases have them as links, some as zones."""

_UNLOCATED_NAMES = frozenset({"UTC", "GMT"})  # links in the database, yet the usual names
_UPPER_CASE_WORD = re.compile(r"(?<![a-z])(?:GMT|EST|UTC)(?![a-z])", re.ASCII | re.IGNORECASE)


def cal_locale(tag: str | None) -> str | None:
    """Return the member of LOCALES for a language tag, or None if there is none or the tag is malformed.

    Underscores and any case are accepted. The territory matters only for Portuguese; for Chinese, the script that
    CLDR's likely subtags give decides, so that zh-HK is Traditional.
    """
    return None if tag is None else _translate_tag(tag.strip())


def cal_time_zone(name: str | None) -> str | None:
    """Return a time zone name with the same rules that Cal.com accepts, or None if none is known.

    ``name`` is an IANA name or link or a Windows time zone name, in any case, blanks around it ignored.
    """
    return None if name is None else _time_zones().get(name.strip().lower())


def corrected(name: str) -> str:
    """Return a time zone name as Cal.com rewrites it before it looks the name up.

    Every part between ``/`` and ``_`` gets one capital letter; GMT, EST and UTC are upper-cased where no letter
    touches them. Names that are spelled differently, such as Africa/Dar_es_Salaam, become unknown names.
    """
    capitalized = "/".join(
        "_".join(word.capitalize() for word in part.split("_")) for part in name.split("/")
    )
    return _UPPER_CASE_WORD.sub(lambda match: match[0].upper(), capitalized)


@lru_cache(maxsize=1024)
def _translate_tag(tag: str) -> str | None:
    from langcodes import Language  # noqa: PLC0415 - takes 30 ms, see the module's docstring
    from langcodes.tag_parser import LanguageTagError  # noqa: PLC0415

    try:
        language = Language.get(tag)
    except LanguageTagError:
        return None
    if language.language == "zh":
        return _CHINESE.get(language.maximize().script or "")
    code = "iw" if language.language == "he" else language.language
    matches = (locale for locale in (f"{code}-{language.territory}", code) if locale in LOCALES)
    return next(matches, None)


@dataclass(frozen=True, slots=True)
class _Database:
    """The IANA time zone database: ``zones`` maps each name to the zone whose rules it has."""

    zones: Mapping[str, str]
    preferred: frozenset[str]
    """Names that are a zone, or that zone.tab lists for a place; the other names are kept for compatibility."""

    def candidates(self, name: str) -> Iterator[str]:
        """Yield the names with the rules of ``name``, the preferred ones first."""
        zone = self.zones[name]
        if name in self.preferred:
            yield name
        yield zone
        yield name
        yield from sorted(other for other, target in self.zones.items() if target == zone)


@cache
def _time_zones() -> Mapping[str, str]:
    """Return the name to send for each known name, by the known name in lower case."""
    from tzlocal.windows_tz import win_tz  # noqa: PLC0415 - see the module's docstring

    database = _load_database()
    table = {}
    for name in database.zones:
        accepted = filter(_is_accepted, database.candidates(name))
        if (choice := next(accepted, None)) is not None:
            table[name.lower()] = choice
    for windows_name, name in win_tz.items():
        if (choice := table.get(name.lower())) is not None:
            table.setdefault(windows_name.lower(), choice)
    return MappingProxyType(table)


def _is_accepted(name: str) -> bool:
    return corrected(name) == name and name not in _NEW_NAMES


def _load_database() -> _Database:
    """Read the compact source of the database, in which lines ``Z name`` are zones and ``L zone name`` links."""
    directory = files("tzdata") / "zoneinfo"
    zones: dict[str, str] = {}
    links: dict[str, str] = {}
    for line in (directory / "tzdata.zi").read_text(encoding="utf-8").splitlines():
        match line.split():
            case ["Z", name, *_]:
                zones[name] = name
            case ["L", target, name]:
                links[name] = target
    zones.pop(_PLACEHOLDER, None)
    for name, target in _POSIX_ZONES.items():
        zones.pop(name, None)
        links[name] = target
    places = {
        line.split("\t")[2]
        for line in (directory / "zone.tab").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    }
    return _Database(
        {**zones, **{name: _follow(links, name) for name in links}},
        frozenset(zones) | places | _UNLOCATED_NAMES,
    )


def _follow(links: Mapping[str, str], name: str) -> str:
    """Return the zone at the end of a chain of links."""
    while name in links:
        name = links[name]
    return name
