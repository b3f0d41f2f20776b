"""What a person goes by, and whether a piece of text speaks of them.

An address counts wherever it stands by itself. A userName or externalId that is no address may be a common
word or a small number: it counts only where the text says that it is one. Nothing here asks the database.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize

import orjson

from calscim.names import address_key

_KEYS = frozenset({"username", "user_name", "externalid", "external_id", "display"})
_ASCII = re.compile(r"[\x20-\x7e]+")
_PLAIN = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Compared as calscim.names compares them."""

    addresses: frozenset[str]
    words: frozenset[str]
    _address: re.Pattern[str] = field(repr=False)
    _filter: re.Pattern[str] = field(repr=False)

    @classmethod
    def of(cls, values: Iterable[str]) -> "Identifiers":
        known = {address_key(value) for value in values} - {""}
        addresses = frozenset(value for value in known if "@" in value)
        words = frozenset(known - addresses)
        return cls(addresses, words, _by_itself(addresses), _compared(words))

    def speaks(self, content: bytes) -> bool:
        """Whether a body or an effect names the person; JSON in any escaping, or whatever else it is."""
        text = content.decode(errors="replace")
        try:
            value = orjson.loads(content)
        except orjson.JSONDecodeError:
            return self.in_text(text)
        return any(
            self.in_text(one) or (key.lower() in _KEYS and address_key(one) in self.words)
            for key, one in _strings("", value)
        )

    def in_text(self, text: str) -> bool:
        return bool(self._address.search(text) or self._filter.search(text))

    def without(self, text: str, name: str) -> str:
        """The text with ``name`` where their addresses stood."""
        return self._address.sub(name, text)

    def needles(self) -> list[str]:
        """What lower(encode(..., 'escape')) of a row holds if the row names them and JSON escapes no letter.

        Postgres shows only ASCII so, in which case is all there is to fold: the longest run of it.
        """
        return sorted({_needle(value) for value in self.addresses | self.words})

    def runs(self) -> list[str]:
        """Part of each address that a text which names it has, whatever JSON escapes: the longest run of ASCII."""
        return sorted(
            {max(_PLAIN.findall(value), key=len, default="@") for value in self.addresses}
        )


def _spellings(names: frozenset[str]) -> str:
    """A pattern of all these, composed and decomposed, the longest first."""
    either = {normalize(form, name) for name in names for form in ("NFC", "NFD")}
    return "|".join(re.escape(one) for one in sorted(either, key=lambda one: (-len(one), one)))


def _by_itself(addresses: frozenset[str]) -> re.Pattern[str]:
    """Not within a longer address."""
    if not addresses:
        return _NOTHING
    return re.compile(rf"(?<![\w.%+'-])(?:{_spellings(addresses)})(?![\w-]|\.\w)", re.IGNORECASE)


def _compared(words: frozenset[str]) -> re.Pattern[str]:
    """In a filter or a path, such as userName eq "ann"."""
    if not words:
        return _NOTHING
    either = _spellings(words)
    return re.compile(rf'(?:userName|externalId)\s+\w\w\s+"(?:{either})"', re.IGNORECASE)


def _strings(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every string, with the name of the attribute it is the value of."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield "", name
            yield from _strings(name, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(key, inner)


def _needle(value: str) -> str:
    run = max(_ASCII.findall(value), key=len, default="")
    return json.dumps(run)[1:-1].replace("\\", "\\\\")
