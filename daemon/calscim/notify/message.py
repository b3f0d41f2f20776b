"""One message to a channel, and its forms: JSON for programs, text for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

from calscim.notify.events import Condition

MOST = 20  # messages in one text


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a channel.

    ``id`` stays the same when the message is delivered again. ``payload`` is the ``data`` of the JSON form.
    """

    id: UUID
    type: str
    at: datetime
    payload: dict[str, object]

    @property
    def summary(self) -> str:
        """Return the sentence that says what happened."""
        return str(self.payload.get("summary", self.type))

    @property
    def organization(self) -> str | None:
        """Return the organization that the message is about, if it is about one."""
        found = self.payload.get("organization")
        return None if found is None else str(found)

    @property
    def then(self) -> tuple[str, ...]:
        """Return the commands or links that help."""
        found = self.payload.get("then")
        return tuple(str(one) for one in found) if isinstance(found, list | tuple) else ()

    def as_json(self) -> bytes:
        """Return the body of a webhook: ``{"type", "timestamp", "data"}``."""
        stamp = self.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return orjson.dumps({"type": self.type, "timestamp": stamp, "data": self.payload})


def payload_of(condition: Condition) -> dict[str, object]:
    """Return the ``data`` of a message about the condition."""
    found: dict[str, object] = {
        "organization": condition.organization,
        "directory": condition.directory,
        "summary": condition.summary,
        "then": list(condition.then),
        "since": condition.since.isoformat(),
        **condition.data,
    }
    return {name: value for name, value in found.items() if value is not None}


def as_text(messages: Sequence[Message]) -> tuple[str, str]:
    """Return the title and the body of one text about these messages, for people: a paragraph for each."""
    first = messages[0]
    about = f" ({first.organization})" if first.organization else ""
    title = (
        f"calscim: {first.type}{about}"
        if len(messages) == 1
        else f"calscim: {len(messages)} events"
    )
    paragraphs = (
        "\n".join((message.summary, *(f"  {command}" for command in message.then)))
        for message in messages
    )
    return title, "\n\n".join(paragraphs)
