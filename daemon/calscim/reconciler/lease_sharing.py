"""Divides the organizations among the daemons on one database.

Each running daemon has a row with the organizations of its configuration. Its share is the sum of 1/n over these
organizations, rounded up, where n is the number of running daemons with that organization. A daemon takes free
organizations up to its share. It releases organizations beyond its share while another daemon that is configured for
them has less than its own share. An organization that stays free for ``STRANDED`` seconds is taken beyond the share,
because the daemon that should take it may hang.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from calscim.postgres.pool import Database
from calscim.reconciler.state import lease_candidates
from calscim.reconciler.state.lease_candidates import LeaseShare

STRANDED = 6.0  # seconds


@dataclass(slots=True)
class LeaseSharing:
    """Decides which organizations one daemon takes and releases."""

    db: Database
    holder: str
    organizations: frozenset[str]
    _free_since: dict[str, float] = field(default_factory=dict)

    async def surplus(self, held: int, idle: Sequence[str]) -> list[str]:
        """Renew this daemon's row; return which of the ``idle`` organizations to release."""
        await lease_candidates.register(self.db, self.holder, self.organizations)
        parts = await lease_candidates.load_shares(self.db)
        mine = parts.get(self.holder, LeaseShare(len(self.organizations), held))
        rooms = {
            holder: part.share - part.held
            for holder, part in parts.items()
            if holder != self.holder and part.held < part.share
        }
        count = min(held - mine.share, sum(rooms.values()))
        if count <= 0:
            return []
        wanted = await lease_candidates.list_configured(self.db, rooms.keys(), idle)
        return random.sample(wanted, min(count, len(wanted)))

    async def choose(self, free: Sequence[str], held: int, now: float) -> list[str]:
        """Return which of the ``free`` organizations to take."""
        self._free_since = {name: self._free_since.get(name, now) for name in free}
        if not free:
            return []
        parts = await lease_candidates.load_shares(self.db)
        mine = parts.get(self.holder, LeaseShare(len(self.organizations), held))
        chosen = random.sample(free, min(len(free), max(0, mine.share - held)))
        stranded = [name for name in free if now - self._free_since[name] >= STRANDED]
        taking = {*chosen, *stranded}
        for name in taking:  # an organization that is released later is free from then on
            del self._free_since[name]
        return sorted(taking)

    async def leave(self) -> None:
        """Delete this daemon's row, so that the other daemons take its share."""
        await lease_candidates.leave(self.db, self.holder)
