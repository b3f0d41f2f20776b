"""The status of the channels of notifications."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """One channel. ``waiting``: messages to deliver; ``given_up``: undeliverable messages of the last 30 days."""

    channel: str
    waiting: int = 0
    given_up: int = 0
    last_delivered: datetime | None = None
    last_failed: datetime | None = None
    last_failure: str | None = None

    @property
    def is_failing(self) -> bool:
        """Return True if the last attempt failed."""
        if self.last_failed is None:
            return False
        return self.last_delivered is None or self.last_delivered < self.last_failed


async def channel_status(db: Database, names: Sequence[str]) -> list[ChannelStatus]:
    """Return the status of each of these channels, in this order."""
    rows = {row["channel"]: row for row in await db.fetch(sql("notify.channel_status"))}
    return [ChannelStatus(**rows[name]) if name in rows else ChannelStatus(name) for name in names]
