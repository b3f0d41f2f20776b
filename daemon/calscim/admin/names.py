"""Check names that operators type, and suggest the names that they probably meant."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from unicodedata import category

from calscim.errors import UsageError
from calscim.names import folded, spelling

_MOST = 3  # names that a sentence suggests


def clean(what: str, name: str) -> str:
    """Return the name as calscim compares it. Raise UsageError if it is blank or has a control character."""
    name = spelling(name)
    if not name or any(category(character) == "Cc" for character in name):
        raise UsageError(f"{name!r} cannot be the name of {what}: write printable text")
    return name


def near(wanted: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are most similar to the wanted one, ignoring case."""
    by_key: dict[str, str] = {}
    for name in known:
        by_key.setdefault(folded(name), name)
    keys = get_close_matches(folded(wanted), by_key, n=_MOST)
    if not keys:  # get_close_matches does not match a part of a name
        part = folded(wanted)
        keys = sorted(key for key in by_key if len(part) > 2 and part in key)
    return [by_key[key] for key in keys][:_MOST]


def several(what: str, wanted: str, found: Sequence[tuple[str, str, str]]) -> str:
    """Return the sentence for a name that fits several resources. ``found``: name, directory and id of each."""
    every = ", ".join(f"{name} in {directory} ({id_})" for name, directory, id_ in found)
    return f"{len(found)} {what} match {wanted!r}: {every}; type the id of one"


def missing(what: str, wanted: str, known: Iterable[str], otherwise: str) -> str:
    """Return the sentence for an unknown name: with similar names, or else with ``otherwise``."""
    found = near(wanted, known)
    hint = f"did you mean {' or '.join(found)}?" if found else otherwise
    return f"there is no {what} {wanted!r}: {hint}"
