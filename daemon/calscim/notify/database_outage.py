"""Tells channels that the database is unreachable. The outbox is in the database, so these messages bypass it."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from calscim.notify.events import Condition, Event
from calscim.notify.message import Message, payload_of


@dataclass(slots=True)
class DatabaseOutage:
    """What one daemon knows of the database, and which channels it told. ``host`` names the daemon's machine."""

    host: str
    since: datetime | None = None
    reason: str = ""
    _told: dict[str, Message] = field(default_factory=dict)

    def failed(self, now: datetime, reason: str) -> None:
        """Note that the database did not answer."""
        if self.since is None:
            self.since = now
        self.reason = reason

    def answered(self) -> None:
        """Note that the database answered."""
        self.since = None

    def due(self, channel: str, delay: float, now: datetime) -> Message | None:
        """Return the message that the channel should get now; None if it knows already, or if it is too early."""
        if self.since is None:
            return self._recovered(channel, now)
        if channel in self._told or (now - self.since).total_seconds() < delay:
            return None
        condition = Condition(
            Event.DATABASE_UNREACHABLE,
            self.host,
            self.since,
            f"calscim on {self.host} cannot use its database since {self.since:%Y-%m-%d %H:%M:%S} UTC: {self.reason}. "
            "Okta gets 503 and tries again; nothing is lost.",
            ("calscim check",),
            data={"host": self.host},
        )
        identity = uuid5(NAMESPACE_URL, f"calscim:{channel}:{self.host}:{self.since.isoformat()}")
        return Message(identity, Event.DATABASE_UNREACHABLE.opened, now, payload_of(condition))

    def delivered(self, channel: str, message: Message) -> None:
        """Note that the channel took the message."""
        if message.type == Event.DATABASE_UNREACHABLE.opened:
            self._told[channel] = message
        else:
            self._told.pop(channel, None)

    def _recovered(self, channel: str, now: datetime) -> Message | None:
        told = self._told.get(channel)
        resolved = Event.DATABASE_UNREACHABLE.resolved
        if told is None or resolved is None:
            return None
        payload = told.payload | {
            "summary": f"calscim on {self.host} can use its database again.",
            "then": [],
            "opened": str(told.id),
        }
        return Message(uuid5(NAMESPACE_URL, f"{told.id}:resolved"), resolved, now, payload)
