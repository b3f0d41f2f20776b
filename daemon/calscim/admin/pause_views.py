"""What pausing and resuming a directory, a team, or an organization did, in the terminal and with ``--json``."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PausedTarget:
    """A directory or team that is paused. ``id`` None: the organization. ``paused_until`` None: until it is resumed."""

    id: str | int | None
    name: str
    paused: bool = field(default=True, kw_only=True)
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class ResumedTarget:
    """A directory or team that is active. ``id`` None: the organization. ``was_paused``: a pause has ended."""

    id: str | int | None
    name: str
    paused: bool = field(default=False, kw_only=True)
    was_paused: bool
