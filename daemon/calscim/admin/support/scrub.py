"""Replaces secrets and people in text, so that it can be given away.

A person gets the same pseudonym everywhere in one bundle. Pseudonyms of two bundles do not match: each bundle has its
own key, which is thrown away.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from calscim.config import Settings
from calscim.config.effective import HIDDEN, secret_values
from calscim.config.values import is_secret

# In a log of a proxy, the at sign of an address may be written as %40, after a quotation mark as %22.
_ADDRESS = re.compile(r"(?:%22)?([\w.+'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)*)", re.IGNORECASE)
# Secrets that no configuration has: tokens of identity providers, and links that sign in.
_BEARER = re.compile(r"(bearer[\s:=]+|/sign-in/link\?key=)[^\s\"',&]{16,}", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_PSEUDONYM = re.compile(r"person-[0-9a-f]{8}@example\.invalid")
_TOKEN = re.compile(r"[\w-]{10,}")
_SHORTEST_SECRET = 4  # characters; a shorter text would be replaced within other words


@dataclass(slots=True)
class Scrubber:
    """Replaces texts. ``names`` are replaced as whole words, addresses wherever they are."""

    secrets: tuple[str, ...]
    people: bool  # replace people too
    _by_first_word: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def add_people(self, names: Iterable[str]) -> None:
        """Add userNames, addresses and full names."""
        for name in names:
            words = _WORD.findall(name)
            if words:
                self._by_first_word[words[0].casefold()].append(name)

    def finish(self) -> None:
        """Put longer names first, so that ``Ann Lee`` is replaced before ``Ann``."""
        for names in self._by_first_word.values():
            names.sort(key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Return the text without secrets and, if wanted, without people."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        text = _BEARER.sub(lambda found: found[1] + HIDDEN, text)
        if not self.people:
            return text
        return _ADDRESS.sub(self._replaced, self._without_names(text))

    def _replaced(self, found: re.Match[str]) -> str:
        address = unquote(found[1])
        return found[0] if _PSEUDONYM.fullmatch(address) else self._pseudonym(address)

    def _without_names(self, text: str) -> str:
        parts, end = [], 0
        for word in _WORD.finditer(text):
            begins = word.start()
            if begins < end:
                continue
            for name in self._by_first_word.get(word[0].casefold(), ()):
                at = begins - (len(name) - len(name.lstrip("".join(_edges(name)))))
                if at >= end and text[at : at + len(name)].casefold() == name.casefold():
                    after = text[at + len(name) : at + len(name) + 1]
                    if _WORD.match(after) is None:
                        parts += [text[end:at], self._pseudonym(name)]
                        end = at + len(name)
                        break
        return "".join([*parts, text[end:]])

    def _pseudonym(self, name: str) -> str:
        digest = hmac.new(self._key, name.casefold().encode(), hashlib.sha256).hexdigest()[:8]
        return f"person-{digest}@example.invalid" if "@" in name else f"person-{digest}"


def _edges(name: str) -> set[str]:
    """Return the characters of a name that belong to no word."""
    return {one for one in name if _WORD.match(one) is None}


def secret_texts(settings: Settings) -> tuple[str, ...]:
    """Return every secret of the settings, in the forms in which a text could contain it."""
    found: set[str] = set()
    for secret in secret_values(settings):
        if isinstance(secret, bytes):
            found |= {secret.hex(), base64.b64encode(secret).decode()}
        else:
            found |= _credentials(secret) | ({secret} if is_secret(secret) else set())
    long_enough = {one for one in found if len(one) >= _SHORTEST_SECRET}
    return tuple(sorted(long_enough, key=len, reverse=True))


def _credentials(url: str) -> set[str]:
    """Return the passwords in a URL or DSN, as they are written and decoded, and parts of its path like a token."""
    try:
        parts = urlsplit(url)
    except ValueError:  # Apprise has URLs of its own; the whole URL is a secret anyway
        return set()
    written = parts.netloc.rpartition("@")[0].partition(":")[2]
    found = {written, unquote(written), *parse_qs(parts.query).get("password", ())}
    if not parts.scheme.startswith("postgres"):
        found |= {one for one in _TOKEN.findall(parts.path) if any(map(str.isdigit, one))}
    return found - {""}
