"""What ``calscim status`` reports, as values; the fields are the keys of ``status --json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from calscim.admin.notifications import ChannelStatus
from calscim.admin.parked import ParkedAction
from calscim.admin.plan_views import ActionView, LimitView, WaitView
from calscim.admin.tokens import TokenScope
from calscim.admin.waiting_mappings import WaitingMapping


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """Whether the database accepts changes, and why not."""

    ok: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class HeldSet:
    """Actions over a limit. `calscim approve` releases all of them with ``hash``.

    ``rejected_by``: the person who rejected the set; it stays held. None if no one did since the last approval.
    """

    hash: str
    guard: str
    since: datetime
    approved: bool
    approved_by: tuple[str, ...]
    actions: tuple[ActionView, ...]
    rejected_by: str | None = None
    rejected_because: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """The next pass after one that failed. ``since``: the age of the oldest of ``changes`` that wait for it."""

    next_try: datetime
    since: datetime | None
    changes: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How many actions of a running pass are done."""

    done: int
    of: int
    seconds_left: int
    scope: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Budget:
    """Cal.com's rate limit: calls a window, calls left, and seconds until the window ends."""

    limit: int
    remaining: int
    resets_in: float

    @property
    def is_low(self) -> bool:
        """Return True if fewer than half of the calls are left."""
        return 2 * self.remaining < self.limit


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """The daemon that reconciles the organization, and the number of its lease."""

    holder: str
    term: int


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A maintenance window that is open now."""

    window: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class OrganizationStatus:
    """One organization, as its last passes left it."""

    name: str
    in_sync: bool
    last_complete_pass: datetime | None
    last_pass: datetime | None
    unreachable: str | None  # why Cal.com could not be reached
    unreachable_since: datetime | None
    rate_limited_until: datetime | None
    incomplete: tuple[str, ...]
    pending: int
    retry: Retry | None
    seconds_left: int
    progress: Progress | None
    held: tuple[HeldSet, ...]
    held_counts: Mapping[str, int]
    parked: tuple[ParkedAction, ...]
    limits: tuple[LimitView, ...]
    waiting: tuple[WaitView, ...]
    waiting_total: int
    budget: Budget | None
    waiting_mappings: tuple[WaitingMapping, ...]
    lease: LeaseHolder | None
    standby: tuple[str, ...]
    window: OpenWindow | None
    next_window: datetime | None


@dataclass(frozen=True, slots=True)
class TokenStatus:
    """A valid token. ``warning`` is a sentence if the token ends soon."""

    id: int
    name: str
    scope: TokenScope
    expires_at: datetime | None
    last_used_at: datetime | None
    replaced_by: int | None
    warning: str | None


@dataclass(frozen=True, slots=True)
class DirectoryStatus:
    """One directory. ``last_request``: by any valid token. ``token_expires_at``: when the last valid token ends."""

    id: str
    name: str
    organization: str
    provider: str
    paused: bool
    paused_until: datetime | None
    paused_reason: str | None  # why the daemon paused it; None: an operator did
    journal_seq: int
    last_change: datetime | None
    users: int
    groups: int
    requests_per_second: int | str | None  # the directory's own limit; "off": no limit
    throttled: int
    throttled_at: datetime | None
    last_request: datetime | None
    token_expires_at: datetime | None
    tokens: tuple[TokenStatus, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """The database, the running daemons, every organization and every directory."""

    database: DatabaseStatus
    daemons: tuple[str, ...]
    organizations: tuple[OrganizationStatus, ...]
    directories: tuple[DirectoryStatus, ...]
    notifications: tuple[ChannelStatus, ...] = ()
