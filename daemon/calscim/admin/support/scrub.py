"""Replaces secrets and people in text, so that it can be given away.

A person gets the same pseudonym everywhere in one bundle. Pseudonyms of two bundles do not match: each bundle has its
own key, which is thrown away.
"""

import hashlib
import hmac
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from calscim.config import Settings
from calscim.config.effective import HIDDEN

_ADDRESS = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)*")
_WORD = re.compile(r"\w+")
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
        if not self.people:
            return text
        return _ADDRESS.sub(lambda found: self._pseudonym(found[0]), self._without_names(text))

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
    database, journal = settings.database, settings.journal
    found: list[str] = [
        *(one.api_key for one in settings.organizations),
        *(one.url or "" for one in settings.channels),
        *(one.webhook or "" for one in settings.channels),
        *(one.secret or "" for one in settings.channels),
        journal.checkpoint_url or "",
        *(key.hex() for key in (journal.encryption_key, *journal.old_keys) if key is not None),
    ]
    for dsn in (
        database.dsn,
        database.migration_dsn,
        database.operator_dsn,
        database.listen_dsn,
    ):
        password = re.search(r"://[^:@/]*:([^@]+)@", dsn or "")
        found += [password[1]] if password else []
    if settings.console is not None and settings.console.oidc is not None:
        found.append(settings.console.oidc.client_secret or "")
    long_enough = {one for one in found if len(one) >= _SHORTEST_SECRET}
    return tuple(sorted(long_enough, key=len, reverse=True))
