"""A condition: something that an operator needs to know while it lasts."""

from dataclasses import dataclass, field
from datetime import datetime

from calscim.config.notify_events import Event as Event  # noqa: PLC0414 - part of this room's interface

TEST = "test"  # the type of the message that `calscim notify test` sends


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that an operator should know while it lasts.

    ``key`` tells it from other conditions of the same event. ``since``: when it began, which a channel's delays count
    from. ``then``: commands and links that show or end it. ``data``: fields of its own, as JSON values.
    """

    event: Event
    key: str
    since: datetime
    summary: str
    then: tuple[str, ...] = ()
    organization: str | None = None
    directory: str | None = None
    data: dict[str, object] = field(default_factory=dict)
