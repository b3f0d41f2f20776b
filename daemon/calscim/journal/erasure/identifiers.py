"""The identifiers of a person, and whether a text contains one of them.

An address counts wherever it stands by itself, also percent-encoded. A userName or externalId that is not an address
may be a common word or a small number, and a full name may also be the name of a group: they count only as the value of
an attribute of that kind. A SCIM id counts everywhere, such as in a group's members or in bulk operations. This module
does not access the database.
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
)  # attributes with full names
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_ASCII = re.compile(r"[\x20-\x7e]+")
_PLAIN = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Identifiers:
    """The identifiers of one person, compared as calscim.names compares names."""

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
        """Build identifiers. ``values``: addresses, userNames and externalIds; ``names``: full names."""
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
        """Return True if a body or an effect names the person. Reads JSON in any escaping, and any other text."""
        text = content.decode(errors="replace")
        try:
            value = orjson.loads(content)
        except orjson.JSONDecodeError:
            return self.in_text(text) or self.in_text(_unescaped(text))
        return any(self.in_text(one) or self._is_name(key, one) for key, one in _strings("", value))

    def refers(self, content: bytes) -> bool:
        """Return True if a body contains the id of one of the person's users."""
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
        """Return the text with ``name`` in place of the person's addresses."""
        return self._address.sub(name, text)

    def without_any(self, text: str, name: str) -> str:
        """Return a text about the person with ``name`` in place of all identifiers."""
        return self._any.sub(name, text)

    def needles(self) -> list[str]:
        """Return texts of which lower(encode(..., 'escape')) of a row contains one, if it names the person unescaped.

        encode() shows only ASCII as it is: each text is the longest run of ASCII in an identifier.
        """
        known = self.addresses | self.words | self.names
        return sorted({_needle(form) for value in known for form in (value, _encoded(value))})

    def runs(self) -> list[str]:
        """Return the longest run of ASCII of each address, which any text with the address contains."""
        return sorted(
            {
                max(_PLAIN.findall(form), key=len, default="@")
                for value in self.addresses
                for form in (value, _encoded(value))
            }
        )


def _spellings(names: frozenset[str]) -> str:
    """Return a pattern of these values, composed and decomposed, plain and percent-encoded, longest first."""
    composed = {normalize(form, name) for name in names for form in ("NFC", "NFD")}
    either = composed | {encoded(name) for name in composed for encoded in (_encoded, quote)}
    return "|".join(re.escape(one) for one in sorted(either, key=lambda one: (-len(one), one)))


def _encoded(value: str) -> str:
    """Return the value percent-encoded, as in a URL."""
    return quote(value, safe="").lower()


def _unescaped(text: str) -> str:
    """Return a text without JSON's escapes of letters."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def _by_itself(addresses: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern that does not match within a longer address."""
    if not addresses:
        return _NOTHING
    return re.compile(rf"(?<![\w.%+'-])(?:{_spellings(addresses)})(?![\w-]|\.\w)", re.IGNORECASE)


def _compared(words: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern for a comparison in a filter or a path, such as userName eq "ann"."""
    if not words:
        return _NOTHING
    either = _spellings(words)
    return re.compile(rf'(?:userName|externalId)\s+\w\w\s+"(?:{either})"', re.IGNORECASE)


def _strings(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield every string with the name of its attribute."""
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
