"""The status of the channels of notifications."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """One channel. ``waiting``: messages, and events of the change feed, to deliver.

    ``given_up``: undeliverable messages of the last 30 days, and all undeliverable events.
    """

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


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """The result of a test message. ``reason``: why the channel did not accept it."""

    channel: str
    delivered: bool
    reason: str | None = None


async def channel_status(db: Database, names: Sequence[str]) -> list[ChannelStatus]:
    """Return the status of each of these channels, in this order."""
    found = {name: ChannelStatus(name) for name in names}
    for query in ("notify.channel_status", "event_deliveries.status"):
        for row in await db.fetch(sql(query)):
            if row["channel"] in found:
                found[row["channel"]] = _both(found[row["channel"]], ChannelStatus(**row))
    return list(found.values())


def _both(one: ChannelStatus, other: ChannelStatus) -> ChannelStatus:
    """Return the status of a channel that has messages and the change feed."""
    delivered = filter(None, (one.last_delivered, other.last_delivered))
    failed = max((one, other), key=lambda status: status.last_failed or _NEVER)
    return ChannelStatus(
        one.channel,
        one.waiting + other.waiting,
        one.given_up + other.given_up,
        max(delivered, default=None),
        failed.last_failed,
        failed.last_failure,
    )


_NEVER = datetime.min.replace(tzinfo=UTC)
