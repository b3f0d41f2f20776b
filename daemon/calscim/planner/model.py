"""The nouns of reconciling: people, teams, mappings, what is wanted, what is seen, what was done.

Everything here is a value. Ids of calscim's own are text (UUIDs), ids of Cal.com's are integers.
"""

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, NewType, TypeVar

T = TypeVar("T")

# Stands for the journal row of an edit that is planned for and not saved: later than every row there is.
UNSAVED = 2**63 - 1

DirectoryId = NewType("DirectoryId", str)
UserId = NewType("UserId", str)  # a SCIM user of ours
GroupId = NewType("GroupId", str)
MappingId = NewType("MappingId", int)
CalUserId = NewType("CalUserId", int)  # an account of Cal.com's
TeamId = NewType("TeamId", int)
MembershipId = NewType("MembershipId", int)  # of an organization or of a team


class Role(Enum):
    """Cal.com's roles; a higher rank includes the lower ones."""

    MEMBER = "MEMBER"
    ADMIN = "ADMIN"
    OWNER = "OWNER"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}


class Mode(Enum):
    """What a mapping lets calscim do to its team; chosen by the operator, there is no default."""

    OBSERVE = "observe"  # report only
    ADD_ONLY = "add-only"
    MANAGED = "managed"  # add, and remove what calscim itself added
    EXCLUSIVE = "exclusive"  # the team is exactly its groups


class PeopleMode(Enum):
    """What may be done to organization membership."""

    MANAGED = "managed"
    OBSERVE = "observe"
    ADD_ONLY = "add-only"


class Provision(Enum):
    """Who of a directory gets organization membership."""

    ASSIGNED = "assigned"  # every active user
    MAPPED = "mapped"  # only members of a mapped group


# ------------------------------------------------------------------ what the directory says


@dataclass(frozen=True, slots=True)
class User:
    """One SCIM user. ``seq`` is the journal row behind its present state."""

    id: UserId
    directory: DirectoryId
    email: str  # as written; "" when it has none
    name: str
    active: bool
    managed: bool  # the provider has written to it
    seq: int
    locale: str | None = None
    time_zone: str | None = None
    data: MappingOf[str, Any] = field(default_factory=dict)  # what the attributes' table is about
    user_name: str = ""  # of a user without an address, who has to be named by something


@dataclass(frozen=True, slots=True)
class DeletedUser:
    """A SCIM user that was deleted, by journal row ``seq``."""

    id: UserId
    directory: DirectoryId
    email: str
    managed: bool
    seq: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """(group, team, role, mode). Unbound while no group of that exact name was pushed."""

    id: MappingId
    directory: DirectoryId
    group_name: str
    group: GroupId | None
    team: TeamId | None  # None: the organization itself
    role: Role
    mode: Mode
    seq: int  # row in the organization's stream
    removed_seq: int | None = None  # set: an operator has unmapped it
    since: int = 0  # how far the directory's journal had come at ``seq``; 0: not known
    new_team: str | None = None  # the name of a team that is yet to be made; ``team`` is below 0


@dataclass(frozen=True, slots=True)
class Link:
    """Which account a SCIM user is; made once, kept over renames."""

    user: UserId
    cal_user: CalUserId
    origin: str  # created, attached, found
    email: str


@dataclass(frozen=True, slots=True)
class MembershipRecord:
    """A team membership in the ledger: one that calscim added, or found in place when it was wanted."""

    team: TeamId
    cal_user: CalUserId
    user: UserId
    origin: str  # added, found
    role: Role
    mode: Mode  # under which it was last wanted
    mappings: tuple[MappingId, ...]
    membership: MembershipId | None = None


@dataclass(frozen=True, slots=True)
class OrgRoleGrant:
    """A role in the organization that calscim gave, and for which mappings."""

    cal_user: CalUserId
    user: UserId
    role: Role
    mode: Mode  # under which it was given
    mappings: tuple[MappingId, ...]


@dataclass(frozen=True, slots=True)
class BootstrapOwner:
    """Whom Cal.com made the owner of a team because calscim made that team with this person's key."""

    cal_user: CalUserId
    membership: MembershipId | None  # None: not seen on the team yet


@dataclass(frozen=True, slots=True)
class DesiredState:
    """All that is wanted of one organization, as the database has it. Big maps, read only."""

    users: MappingOf[UserId, User]
    departed: MappingOf[UserId, DeletedUser]
    groups: MappingOf[GroupId, str]  # id -> displayName
    members: MappingOf[GroupId, MappingOf[UserId, int]]  # nested groups resolved; seq that added
    former: MappingOf[tuple[GroupId, UserId], int]  # seq that removed
    mappings: tuple[Mapping, ...]  # live ones and removed ones that the ledger still names
    links: MappingOf[UserId, Link]
    ledger: MappingOf[tuple[TeamId, CalUserId], MembershipRecord]
    paused_directories: frozenset[DirectoryId] = frozenset()
    paused_teams: frozenset[TeamId] = frozenset()
    paused: bool = False  # the whole organization
    creators: MappingOf[TeamId, BootstrapOwner] = field(default_factory=dict)
    offices: MappingOf[CalUserId, OrgRoleGrant] = field(default_factory=dict)
    attributes: MappingOf[tuple[CalUserId, str], str] = field(default_factory=dict)  # last told
    # The account that a user had before it left the organization.
    former_accounts: MappingOf[UserId, CalUserId] = field(default_factory=dict)


# ------------------------------------------------------------------ what Cal.com has


class AttributeType(Enum):
    TEXT = "TEXT"
    NUMBER = "NUMBER"
    SINGLE_SELECT = "SINGLE_SELECT"
    MULTI_SELECT = "MULTI_SELECT"

    @property
    def selects(self) -> bool:
        """Whether a value has to be one of the attribute's options."""
        return self in (AttributeType.SINGLE_SELECT, AttributeType.MULTI_SELECT)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the organization. ``options``: value -> id, as far as they are known."""

    id: str
    name: str
    slug: str
    type: AttributeType
    options: MappingOf[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class AttributeValue:
    """A value that somebody has, by the ids of the attribute and of the option it is kept as."""

    attribute: str
    option: str
    value: str


@dataclass(frozen=True, slots=True)
class OrgMember:
    membership: MembershipId
    user: CalUserId
    email: str
    name: str
    username: str
    role: Role
    accepted: bool
    attributes: tuple[AttributeValue, ...] | None = None  # None: not shown
    has_profile: bool | None = None  # in the organization; None: not looked at

    @property
    def has_joined(self) -> bool:
        """Return True if Cal.com treats the person as a member, as far as is known.

        An accepted membership without a Profile is a half-member: no team takes the person, the user cannot
        be changed, and there is no invitation left to accept.
        """
        return self.accepted and self.has_profile is not False


@dataclass(frozen=True, slots=True)
class TeamMember:
    membership: MembershipId
    user: CalUserId
    role: Role
    accepted: bool


@dataclass(frozen=True, slots=True)
class Team:
    id: TeamId
    name: str
    slug: str | None


@dataclass(frozen=True, slots=True)
class Complete(Generic[T]):
    """Everything there was to read was read."""

    value: T


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Not everything was read. Never to be taken for an empty list."""

    reason: str


@dataclass(frozen=True, slots=True)
class ObservedState:
    """What was read of Cal.com. A team that is missing from ``teams`` was not looked at."""

    me: CalUserId  # the API key's own user
    people: "Complete[MappingOf[CalUserId, OrgMember]] | Incomplete"
    teams: "MappingOf[TeamId, Complete[MappingOf[CalUserId, TeamMember]] | Incomplete]"
    team_names: MappingOf[TeamId, str] = field(default_factory=dict)
    attributes: "Complete[tuple[Attribute, ...]] | Incomplete" = field(
        default_factory=lambda: Incomplete("they were not looked at")
    )
    clears_teams: bool | None = None  # see core.build.BuildTraits


# ------------------------------------------------------------------ what to do


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


@dataclass(frozen=True, slots=True)
class Waiting:
    """A person who cannot be helped along yet, and what is waited for."""

    user: UserId
    email: str  # "" for a person without an address
    reason: str
    user_name: str = ""  # of a person without an address


@dataclass(frozen=True, slots=True)
class Deferred:
    """Drift that is not corrected before it has lasted, and what is waited for."""

    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How much of a limit was used within the window. ``team`` None: the organization's."""

    name: str  # the key of the configuration's [guards]
    team: TeamId | None
    used: int
    limit: int
    size: int  # what a percentage is taken of


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to do in one organization, in canonical order; comparable and printable."""

    organization: str
    actions: tuple[Action, ...]
    waiting: tuple[Waiting, ...] = ()
    incomplete: tuple[str, ...] = ()  # what could not be read, one sentence each
    in_place: tuple[MembershipRecord, ...] = ()  # wanted and there: what the ledger should say now
    links: tuple[Link, ...] = ()  # users whose account was recognised: to be recorded
    hash: str = ""
    notes: tuple[str, ...] = ()  # what was left alone on purpose, one sentence each
    # Attributes that are as wanted: to be recorded.
    told: tuple[tuple[CalUserId, str, str], ...] = ()
    limits: tuple[LimitUse, ...] = ()  # how much of each limit is used
    members: int | None = None  # of the organization now; None: not read
    unsettled: tuple[Deferred, ...] = ()  # drift that has not lasted yet: not among the actions


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pass looks at. None: everything.

    With ``users``, nothing is done about anybody else, on teams neither: the directory then need not
    hold more than these users and whoever is the same person.
    """

    users: frozenset[UserId] | None = None
    teams: frozenset[TeamId] | None = None
