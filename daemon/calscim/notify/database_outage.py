"""Messages about an unreachable database. They bypass the outbox, which is in the database."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from calscim.notify.events import Condition, Event
from calscim.notify.message import Message, payload_of


@dataclass(slots=True)
class DatabaseOutage:
    """The outage that one daemon sees, and the channels that took a message about it. ``host``: its machine."""

    host: str
    since: datetime | None = None
    reason: str = ""
    _taken: dict[str, Message] = field(default_factory=dict)

    def failed(self, now: datetime, reason: str) -> None:
        """Note that the database did not answer."""
        if self.since is None:
            self.since = now
        self.reason = reason

    def answered(self) -> None:
        """Note that the database answered."""
        self.since = None

    def due(self, channel: str, delay: float, now: datetime) -> Message | None:
        """Return the message that is due for the channel, or None."""
        if self.since is None:
            return self._recovered(channel, now)
        if channel in self._taken or (now - self.since).total_seconds() < delay:
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
            self._taken[channel] = message
        else:
            self._taken.pop(channel, None)

    def _recovered(self, channel: str, now: datetime) -> Message | None:
        taken = self._taken.get(channel)
        resolved = Event.DATABASE_UNREACHABLE.resolved
        if taken is None or resolved is None:
            return None
        payload = taken.payload | {
            "summary": f"calscim on {self.host} can use its database again.",
            "then": [],
            "opened": str(taken.id),
        }
        return Message(uuid5(NAMESPACE_URL, f"{taken.id}:resolved"), resolved, now, payload)
