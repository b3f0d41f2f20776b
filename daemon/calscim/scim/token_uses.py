"""Keeps in memory when each token was last used, so that a request needs no write.

Every minute the daemon records the uses in one statement (app/token_watch.py). If the daemon is killed, at most that
minute is lost.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class TokenUses:
    """The latest use of each token since ``take``, by the id of the token."""

    first: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a token is used for the first time in this process, so that a provider's test call shows at once."""
    _latest: dict[int, datetime] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def note(self, token_id: int, at: datetime) -> None:
        """Note that a request with this token was accepted."""
        self._latest[token_id] = at
        if token_id not in self._seen:
            self._seen.add(token_id)
            self.first.set()

    def take(self) -> dict[int, datetime]:
        """Return the uses and forget them."""
        taken, self._latest = self._latest, {}
        return taken

    def give_back(self, taken: dict[int, datetime]) -> None:
        """Add uses that could not be recorded. A later use of the same token takes precedence."""
        self._latest = taken | self._latest
