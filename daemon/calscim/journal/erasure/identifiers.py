"""What a person goes by, and whether a piece of text speaks of them.

An address counts wherever it stands by itself, also percent-encoded. A userName or externalId that is no address may
be a common word or a small number, and a full name may be a group's as well: they count only where the text says that
it is one. A SCIM id counts wherever it stands, in what was sent about others: a group's members, operations in bulk,
references. Nothing here asks the database.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

import orjson

from calscim.names import address_key

_KEYS = frozenset({"username", "user_name", "externalid", "external_id", "display"})
_NAME_KEYS = frozenset(
    {"display", "displayname", "formatted", "name"}
)  # whose value may be a full name
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_ASCII = re.compile(r"[\x20-\x7e]+")
_PLAIN = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Compared as calscim.names compares them."""

    addresses: frozenset[str]
    words: frozenset[str]
    names: frozenset[str]
    ids: frozenset[str]
    _address: re.Pattern[str] = field(repr=False)
    _filter: re.Pattern[str] = field(repr=False)
    _any: re.Pattern[str] = field(repr=False)
    _id: re.Pattern[str] = field(repr=False)

    @classmethod
    def of(
        cls, values: Iterable[str], names: Iterable[str] = (), ids: Iterable[str] = ()
    ) -> "Identifiers":
        """``values``: addresses, userNames, externalIds. ``names``: full names. ``ids``: of their SCIM users."""
        known = {address_key(value) for value in values} - {""}
        addresses = frozenset(value for value in known if "@" in value)
        words = frozenset(known - addresses)
        called = frozenset(address_key(name) for name in names) - {""}
        small = frozenset(number.lower() for number in ids)
        return cls(
            addresses,
            words,
            called,
            small,
            _by_itself(addresses),
            _compared(words),
            _by_itself(addresses | words | called),
            re.compile("|".join(map(re.escape, sorted(small))) or _NOTHING.pattern, re.IGNORECASE),
        )

    def speaks(self, content: bytes) -> bool:
        """Whether a body or an effect names the person; JSON in any escaping, or whatever else it is."""
        text = content.decode(errors="replace")
        try:
            value = orjson.loads(content)
        except orjson.JSONDecodeError:
            return self.in_text(text) or self.in_text(_unescaped(text))
        return any(self.in_text(one) or self._is_name(key, one) for key, one in _strings("", value))

    def refers(self, content: bytes) -> bool:
        """Whether a body names one of their SCIM users by its id."""
        text = content.decode(errors="replace")
        return self._id.search(_unescaped(text) if "\\u" in text else text) is not None

    def _is_name(self, key: str, value: str) -> bool:
        low = key.lower()
        return (low in _KEYS and address_key(value) in self.words) or (
            low in _NAME_KEYS and address_key(value) in self.names
        )

    def in_text(self, text: str) -> bool:
        return bool(self._address.search(text) or self._filter.search(text))

    def without(self, text: str, name: str) -> str:
        """The text with ``name`` where their addresses stood."""
        return self._address.sub(name, text)

    def without_any(self, text: str, name: str) -> str:
        """The same for a text that is about them, where their other names mean them as well."""
        return self._any.sub(name, text)

    def needles(self) -> list[str]:
        """What lower(encode(..., 'escape')) of a row holds if the row names them and JSON escapes no letter.

        Postgres shows only ASCII so, in which case is all there is to fold: the longest run of it.
        """
        known = self.addresses | self.words | self.names
        return sorted({_needle(form) for value in known for form in (value, _encoded(value))})

    def runs(self) -> list[str]:
        """Part of each address that a text which names it has, whatever JSON escapes: the longest run of ASCII."""
        return sorted(
            {
                max(_PLAIN.findall(form), key=len, default="@")
                for value in self.addresses
                for form in (value, _encoded(value))
            }
        )


def _spellings(names: frozenset[str]) -> str:
    """A pattern of all these, composed and decomposed, plain and percent-encoded, the longest first."""
    composed = {normalize(form, name) for name in names for form in ("NFC", "NFD")}
    either = composed | {encoded(name) for name in composed for encoded in (_encoded, quote)}
    return "|".join(re.escape(one) for one in sorted(either, key=lambda one: (-len(one), one)))


def _encoded(value: str) -> str:
    """As it stands in the path or the query of a URL."""
    return quote(value, safe="").lower()


def _unescaped(text: str) -> str:
    """A text that is no JSON, or was not parsed, without JSON's escapes of letters."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


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
