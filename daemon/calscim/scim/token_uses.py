"""Remembers when each token was last used, so that a request costs no write.

The daemon takes the uses of the last minute and records them in one statement (app/token_watch.py). A daemon that
is killed forgets at most that minute.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class TokenUses:
    """The latest use of each token since ``take``, by the token's number."""

    _latest: dict[int, datetime] = field(default_factory=dict)

    def note(self, token_id: int, at: datetime) -> None:
        """A request with this token was accepted."""
        self._latest[token_id] = at

    def take(self) -> dict[int, datetime]:
        """Return the uses and forget them."""
        taken, self._latest = self._latest, {}
        return taken

    def give_back(self, taken: dict[int, datetime]) -> None:
        """Keep uses that could not be recorded; a later use of the same token wins."""
        self._latest = taken | self._latest
