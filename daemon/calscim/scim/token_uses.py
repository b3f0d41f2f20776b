"""Keeps in memory when each token was last used, so that a request needs no write.

Every minute the daemon records the uses in one statement (app/token_watch.py). If the daemon is killed, at most that
minute is lost.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class TokenUses:
    """The latest use of each token since ``take``, by the id of the token."""

    _latest: dict[int, datetime] = field(default_factory=dict)

    def note(self, token_id: int, at: datetime) -> None:
        """Note that a request with this token was accepted."""
        self._latest[token_id] = at

    def take(self) -> dict[int, datetime]:
        """Return the uses and forget them."""
        taken, self._latest = self._latest, {}
        return taken

    def give_back(self, taken: dict[int, datetime]) -> None:
        """Add uses that could not be recorded. A later use of the same token takes precedence."""
        self._latest = taken | self._latest
