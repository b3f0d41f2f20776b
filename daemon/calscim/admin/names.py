"""Check names that operators type, and suggest the names that they probably meant."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from heapq import nlargest
from itertools import pairwise
from unicodedata import category

from calscim.errors import UsageError
from calscim.names import folded, spelling

_MOST = 3  # names that a sentence suggests
_COMPARED = 32  # names that are compared with a wanted one


def clean(what: str, name: str) -> str:
    """Return the name as calscim compares it. Raise UsageError if it is blank or has a control character."""
    name = spelling(name)
    if not name or any(category(character) == "Cc" for character in name):
        raise UsageError(f"{name!r} cannot be the name of {what}: write printable text")
    return name


class KnownNames:
    """Known names, indexed so that many wanted names can be compared with thousands of known ones.

    Comparing two names takes 50 microseconds, and the console runs in the event loop of the daemon: only the names that
    share the most pairs of characters with the wanted one are compared.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._by_key: dict[str, str] = {}
        for name in known:
            self._by_key.setdefault(folded(name), name)
        self._pairs = {key: _pairs(key) for key in self._by_key}
        self._with_pair: defaultdict[str, list[str]] = defaultdict(list)
        for key, pairs in self._pairs.items():
            for pair in pairs:
                self._with_pair[pair].append(key)

    def near(self, wanted: str) -> list[str]:
        """Return the known names that are most similar to the wanted one, ignoring case."""
        wanted = folded(wanted)
        keys = get_close_matches(wanted, self._candidates(wanted), n=_MOST)
        if not keys:  # get_close_matches does not match a part of a name
            keys = sorted(key for key in self._by_key if len(wanted) > 2 and wanted in key)
        return [self._by_key[key] for key in keys][:_MOST]

    def _candidates(self, wanted: str) -> Iterable[str]:
        if len(self._by_key) <= _COMPARED:
            return self._by_key
        pairs = _pairs(wanted)
        shared = Counter(key for pair in pairs for key in self._with_pair.get(pair, ()))
        return nlargest(
            _COMPARED, shared, key=lambda key: shared[key] / (len(pairs) + len(self._pairs[key]))
        )


def _pairs(name: str) -> set[str]:
    """Return the pairs of neighboring characters, with the edges of the name."""
    return {first + second for first, second in pairwise(f" {name} ")}


def near(wanted: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are most similar to the wanted one, ignoring case."""
    return KnownNames(known).near(wanted)


def several(what: str, wanted: str, found: Sequence[tuple[str, str, str]]) -> str:
    """Return the sentence for a name that fits several resources. ``found``: name, directory and id of each."""
    every = ", ".join(f"{name} in {directory} ({id_})" for name, directory, id_ in found)
    return f"{len(found)} {what} match {wanted!r}: {every}; type the id of one"


def missing(what: str, wanted: str, known: Iterable[str], otherwise: str) -> str:
    """Return the sentence for an unknown name: with similar names, or else with ``otherwise``."""
    found = near(wanted, known)
    hint = f"did you mean {' or '.join(found)}?" if found else otherwise
    return f"there is no {what} {wanted!r}: {hint}"
