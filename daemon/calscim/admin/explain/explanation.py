"""What ``calscim explain`` reports, as values; the fields are the keys of ``explain --json``."""

from dataclasses import dataclass, field
from datetime import datetime

from calscim.admin.as_json import OPTIONAL
from calscim.admin.groups import MappedTeam
from calscim.admin.waiting_mappings import WaitingMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A SCIM user, a deleted SCIM user (``seq``), or a Cal.com account without a SCIM user (no ``id``)."""

    id: str | None = field(default=None, metadata=OPTIONAL)
    directory_id: str | None = field(default=None, metadata=OPTIONAL)
    directory: str | None = field(default=None, metadata=OPTIONAL)
    user_name: str | None = field(default=None, metadata=OPTIONAL)
    email: str | None = field(default=None, metadata=OPTIONAL)
    name: str | None = field(default=None, metadata=OPTIONAL)
    active: bool | None = field(default=None, metadata=OPTIONAL)
    managed: bool | None = field(default=None, metadata=OPTIONAL)
    source: str | None = field(default=None, metadata=OPTIONAL)
    changed_seq: int | None = field(default=None, metadata=OPTIONAL)
    seq: int | None = field(default=None, metadata=OPTIONAL)  # the journal row of the deletion
    cal_user_id: int | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedEntry(Entry):
    """An entry with its Cal.com account. ``decides``: this entry is the one that calscim acts on."""

    account: int | None
    decides: bool
    shares_with: tuple[str, ...] = ()  # ids of the other entries of the same account
    because: str


@dataclass(frozen=True, slots=True)
class TeamName:
    """A team of Cal.com; ``name`` is empty if it is not known."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class TeamExplanation:
    """Desired and observed role of the person on one team, and why."""

    id: int
    name: str
    desired: str | None
    observed: str | None
    because: str


@dataclass(frozen=True, slots=True)
class Membership:
    """A group that the person is in, directly or through a nested group. ``near``: mappings of a similar name."""

    user_id: str
    group_id: str
    group: str
    directory: str
    member_since_seq: int
    through: str | None
    mappings: tuple[MappedTeam, ...]
    near: tuple[WaitingMapping, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A mapped group that the person is or was in. ``gives``: it asks for the team membership now."""

    mapping: int
    group: str
    group_id: str
    user_id: str
    team_id: int | None
    team: str
    create_team: bool
    role: str
    mode: str
    directory: str
    member_since_seq: int | None
    left_seq: int | None
    unmapped_seq: int | None
    gives: bool


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A team membership that calscim added, adopted or found."""

    team_id: int
    origin: str
    role: str
    mode: str
    mapping_ids: tuple[int, ...]
    membership_id: int | None
    written_at: datetime


@dataclass(frozen=True, slots=True)
class PastAction:
    """An attempted change of Cal.com, with its outcome."""

    id: int
    kind: str
    email: str | None
    user_id: str | None
    team_id: int | None
    role: str | None
    because: str
    stream: str | None
    seq: int | None
    request_id: str | None
    begun_at: datetime
    finished_at: datetime | None
    outcome: str | None
    detail: str | None
    team: str | None


@dataclass(frozen=True, slots=True)
class AttributeExplanation:
    """Desired and observed values of one attribute. ``observed`` None: Cal.com did not say."""

    attribute: str
    source: str = field(metadata={"key": "from"})
    desired: tuple[str, ...]
    observed: tuple[str, ...] | None
    because: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a person is or is not in the organization (``team`` None) or on a team."""

    person: Entry
    entries: tuple[ExplainedEntry, ...]
    unreachable: str | None  # why Cal.com could not be asked
    team: TeamName | None
    desired: str | None
    observed: str | None
    because: str
    groups: tuple[Membership, ...]
    sources: tuple[Source, ...]
    ledger: tuple[LedgerEntry, ...]
    actions: tuple[PastAction, ...]
    attributes: tuple[AttributeExplanation, ...]
    teams: tuple[TeamExplanation, ...]
