"""The changes of Cal.com that a plan proposes."""

from dataclasses import dataclass, field
from enum import Enum

from calscim.planner.ids import (
    CalUserId,
    MappingId,
    MembershipId,
    TeamId,
    UserId,
)
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Attribute
from calscim.planner.roles import Role


class Kind(Enum):
    """The actions, in canonical order."""

    DEPROVISION = "user.deprovision"
    CREATE = "user.create"
    ATTACH = "user.attach"
    UPDATE = "user.update"
    TEAM = "team.create"
    ADD = "member.add"
    ACCEPT = "member.accept"
    ROLE = "member.role"
    REMOVE = "member.remove"


class State(Enum):
    RUN = "run"
    HELD = "held"  # a guard holds it, see ``guard``
    OBSERVED = "observed"  # its mode only reports
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Provenance:
    """The journal row that an action follows from; without one it is drift."""

    stream: str  # a directory's id, or "@" and the organization's name
    seq: int


class AttributeOp(Enum):
    """One call about an attribute, in the order in which they are made."""

    OPTION = "option"  # make a value of a selection
    UNASSIGN = "unassign"
    ASSIGN = "assign"


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """What one call does to an attribute. ``whole``: what the directory wants of it, as it is remembered."""

    step: AttributeOp
    attribute: Attribute
    value: str
    option: str | None = None  # None: not known, or made by the call
    whole: str = ""  # "": nothing


@dataclass(frozen=True, slots=True)
class Action:
    """One change of Cal.com, at most one API call. ``team`` is None for what concerns the organization."""

    kind: Kind
    email: str
    because: str  # one sentence for a person
    user: UserId | None = None  # None: an account no SCIM user is behind
    cal_user: CalUserId | None = None  # None: not known before the account is made
    membership: MembershipId | None = None
    team: TeamId | None = None
    role: Role | None = None
    observed_role: Role | None = None
    name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    mode: Mode | None = None
    mappings: tuple[MappingId, ...] = ()
    cause: Provenance | None = None
    drift: bool = False  # no journal row is behind it
    state: State = State.RUN
    guard: str | None = None  # the limit that holds it, in words
    new_team: str | None = None  # the name of the team where that is yet to be made
    change: AttributeChange | None = None  # of an attribute
    profile: bool = False  # an update of locale and time zone alone
    preferences: str | None = None  # the directory's locale and time zone, recorded on success
    has_profile: bool = False  # an account that is attached and still has its Profile
    approved: bool = False  # an operator released it: it counts towards no limit
    teams: tuple[TeamId, ...] = ()  # memberships that end with a deprovision
    creator: bool = False  # of somebody who owns the team only because calscim made it
    # Of an address that other accounts wait for or give up: which of these changes belong together, and its turn.
    place: tuple[str, int] = field(default=("", 0), compare=False)
    interim: bool = False  # an address for the time of an exchange, see addresses

    @property
    def brings_in(self) -> bool:
        """Return True if the organization has one person more afterwards; a half-member is in it already."""
        return self.kind in (Kind.CREATE, Kind.ATTACH) and self.membership is None
