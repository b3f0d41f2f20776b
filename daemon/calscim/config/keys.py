"""The keys of a section, as its dataclass declares them, and the hint for a key that is not one of them."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, get_args, get_type_hints

from pydantic.fields import FieldInfo

from calscim.config.model import Settings
from calscim.config.values import Place
from calscim.planner.policy import AttributeRule


@dataclass(frozen=True, slots=True)
class Key:
    """``name``: as written; ``field``: of the dataclass; ``rows``: the dataclass of each of its tables."""

    name: str
    field: str
    place: Place | None = None
    rows: type[Any] | None = None

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


def keys_of(section: type[Any]) -> dict[str, Key]:
    """Return the keys of a section's dataclass by each of their spellings."""
    hints = get_type_hints(section, include_extras=True)
    keys = [_key(one.name, list(_metadata(hints[one.name]))) for one in fields(section)]
    return {spelling: key for key in keys for spelling in key.spellings}


def _key(field: str, metadata: list[Any]) -> Key:
    names = (one.alias for one in metadata if isinstance(one, FieldInfo) and one.alias)
    place = next((one for one in metadata if isinstance(one, Place)), None)
    rows = AttributeRule if AttributeRule in metadata else None
    return Key(next(names, field), field, place, rows)


def _metadata(hint: Any) -> Iterable[Any]:
    """Yield what is annotated anywhere in a type, and the types of items."""
    for argument in (*get_args(hint), *getattr(hint, "__metadata__", ())):
        yield argument
        yield from _metadata(argument)


def _sections() -> dict[str, type[Any]]:
    hints = get_type_hints(Settings, include_extras=True)
    (organization, _) = get_args(hints.pop("organizations"))
    return {**hints, "organization": organization}


SECTIONS = _sections()
ORGANIZATION = SECTIONS["organization"]


def unknown_section(name: str) -> str:
    """Return the message for a table that is no section."""
    near = get_close_matches(name, SECTIONS, n=1)
    home = [section for section, made_of in SECTIONS.items() if name in keys_of(made_of)]
    if near:
        return f"is not known: did you mean {_brackets(near[0])}?"
    if home:
        return f"is not known: it belongs under {_brackets(home[0])}"
    return f"is not known: the sections are {', '.join(SECTIONS)}"


def unknown_key(name: str, section: str, made_of: type[Any]) -> str:
    """Return the message for a key that its section does not have."""
    known = keys_of(made_of)
    if near := get_close_matches(name, known, n=1):
        return f"is not known: did you mean {near[0]}?"
    homes = [other for other, kind in SECTIONS.items() if name in keys_of(kind)]
    if homes:
        return f"is not known here: it belongs under {_brackets(homes[0])}"
    return f"is not known: {_brackets(section)} has {', '.join(known)}"


def _brackets(section: str) -> str:
    return f"[[{section}]]" if section.startswith("organization") else f"[{section}]"
