"""The keys of each section, as its dataclass declares them, and the hint for a key that a section does not have."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, get_args, get_type_hints

from pydantic.fields import FieldInfo

from calscim.config.model import Console, Notify, Oidc, Organization, Settings
from calscim.config.values import Place
from calscim.planner.policy import AttributeRule

_HINTS = get_type_hints(Settings)
# Sections of which a file may have several, in double brackets, and the fields of Settings that have them.
LISTS = {"organization": "organizations", "notify": "channels"}
SECTIONS: dict[str, type[Any]] = {
    **{
        one.name: _HINTS[one.name]
        for one in fields(Settings)
        if one.name not in {*LISTS.values(), "console"}
    },
    "console": Console,
    "console.oidc": Oidc,
    "organization": Organization,
    "organization.attributes": AttributeRule,
    "notify": Notify,
}


# Sections that have an effect by being there, even without a key.
OPTIONAL = ("console", "console.oidc")


def is_listed(section: str) -> bool:
    """Return True if a file may have several tables of the section."""
    return section.partition(".")[0] in LISTS


def section_of(field: str) -> str:
    """Return the section that a field of Settings comes from."""
    return next((section for section, name in LISTS.items() if name == field), field)


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a section. ``name``: as written in the file; ``field``: of the dataclass."""

    name: str
    field: str
    place: Place | None = None

    @property
    def spellings(self) -> tuple[str, ...]:
        """The key itself, and the key that names a file instead."""
        match self.place:
            case Place.SECRET:
                return (self.name, f"{self.name}_file")
            case Place.SECRETS:
                return (self.name, f"{self.name.removesuffix('s')}_files")
            case _:
                return (self.name,)


def keys_of(made_of: type[Any]) -> dict[str, Key]:
    """Return the keys of a section's dataclass by each of their spellings."""
    hints = get_type_hints(made_of, include_extras=True)
    keys = [_key(one.name, list(_metadata(hints[one.name]))) for one in fields(made_of)]
    return {spelling: key for key in keys for spelling in key.spellings}


def _key(field: str, metadata: list[Any]) -> Key:
    names = (one.alias for one in metadata if isinstance(one, FieldInfo) and one.alias)
    place = next((one for one in metadata if isinstance(one, Place)), None)
    return Key(next(names, field), field, place)


def _metadata(hint: Any) -> Iterable[Any]:
    """Yield what is annotated anywhere in a type."""
    yield from getattr(hint, "__metadata__", ())
    for argument in get_args(hint):
        yield from _metadata(argument)


def unknown_section(name: str) -> str:
    """Return the error message for an unknown section."""
    if near := get_close_matches(name, SECTIONS, n=1):
        return f"is not known: did you mean {_brackets(near[0])}?"
    if home := _home(name):
        return f"is not known: it belongs under {home}"
    return f"is not known: the sections are {', '.join(SECTIONS)}"


def unknown_key(name: str, section: str) -> str:
    """Return the error message for a key that the section does not have."""
    known = keys_of(SECTIONS[section])
    if near := get_close_matches(name, known, n=1):
        return f"is not known: did you mean {near[0]}?"
    if home := _home(name):
        return f"is not known here: it belongs under {home}"
    return f"is not known: {_brackets(section)} has {', '.join(known)}"


def _home(key: str) -> str | None:
    homes = (name for name, made_of in SECTIONS.items() if key in keys_of(made_of))
    return next(map(_brackets, homes), None)


def _brackets(section: str) -> str:
    return f"[[{section}]]" if is_listed(section) else f"[{section}]"
