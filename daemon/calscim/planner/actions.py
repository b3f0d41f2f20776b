"""The changes of Cal.com that a plan proposes: a closed union, one class for each kind of change."""

from dataclasses import KW_ONLY, dataclass
from enum import Enum
from typing import ClassVar

from calscim.planner.ids import CalUserId, MappingId, MembershipId, TeamId, UserId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Attribute
from calscim.planner.people.user_preferences import Preferences
from calscim.planner.roles import Role


class Kind(Enum):
    """The kinds of actions as operators see them, in canonical order."""

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
    HELD = "held"  # over the limit that ``guard`` names
    OBSERVED = "observed"  # its mode only reports
    PAUSED = "paused"


class Outcome(Enum):
    """The outcome of an action."""

    DONE = "done"
    ALREADY = "already"  # Cal.com already had the wanted state before the call
    NOT_FOUND = "gone"  # the membership, team, or account does not exist
    CONFLICT = "conflict"  # the account exists: attach it instead
    NO_PROFILE = "no_profile"  # the person has no Profile in the organization
    REFUSED = "refused"
    THROTTLED = "throttled"
    AUTH = "auth"  # Cal.com does not accept the API key
    UNKNOWN = "unknown"  # the change may have been made
    FAILED = "failed"  # parked, because the call may succeed later
    PARKED = "parked"  # not tried: parked by an earlier pass, and not due
    BLOCKED = "blocked"  # not tried: it depends on an action that was not done


@dataclass(frozen=True, slots=True)
class Provenance:
    """The journal row that an action follows from."""

    stream: str  # a directory's id, or "@" and the organization's name
    seq: int


class AttributeOp(Enum):
    """What one call does to an attribute, in the order in which calls are made."""

    OPTION = "option"  # create an option of a select attribute
    UNASSIGN = "unassign"
    ASSIGN = "assign"


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """What one call does to an attribute. ``target``: the directory's values, as the ledger records them."""

    op: AttributeOp
    attribute: Attribute
    value: str
    option: str | None = None  # None: not known, or created by the call
    target: str = ""  # "": no value


@dataclass(frozen=True, slots=True)
class BaseAction:
    """The fields of every action: the person, the reason, and the state. An action is at most one API call."""

    kind: ClassVar[Kind]

    email: str  # "" for a team
    reason: str  # one sentence
    _: KW_ONLY
    user: UserId | None = None  # None: no SCIM user has the account
    cal_user: CalUserId | None = None  # None: unknown until the account exists
    provenance: Provenance | None = None
    drift: bool = False  # no journal row is behind it
    state: State = State.RUN
    guard: str | None = None  # the limit that holds the action, in words
    approved: bool = False  # an operator released the action: it counts towards no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class _JoinAction(BaseAction):
    """The fields of the actions that bring a person into the organization."""

    role: Role = Role.MEMBER
    name: str | None = None
    mode: Mode | None = None
    mappings: tuple[MappingId, ...] = ()
    preferences: Preferences | None = None  # used when an account is created


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser(_JoinAction):
    """Create an account in the organization."""

    kind: ClassVar[Kind] = Kind.CREATE


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachUser(_JoinAction):
    """Make an existing account a member of the organization."""

    kind: ClassVar[Kind] = Kind.ATTACH
    has_profile: bool = False  # the account still has its Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAction(BaseAction):
    """The fields of the actions on a member of the organization.

    ``observed_role``: the role when the plan was made, if the action depends on it.
    """

    membership: MembershipId | None = None  # None: unknown
    observed_role: Role | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinviteUser(MemberAction):
    """Make the membership of a half-member pending, so that the person can accept the invitation."""

    kind: ClassVar[Kind] = Kind.ATTACH
    membership: MembershipId
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAddress(MemberAction):
    """Change the address of an account to ``email``.

    ``exchange`` and ``turn``: the changes that make room for each other, and the place among them.
    """

    kind: ClassVar[Kind] = Kind.UPDATE
    preferences: Preferences | None = None
    exchange: str = ""
    turn: int = 0
    is_interim: bool = False  # an interim address for an exchange, see address_moves


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePreferences(MemberAction):
    """Change the locale and the time zone of an account."""

    kind: ClassVar[Kind] = Kind.UPDATE
    preferences: Preferences


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAttribute(MemberAction):
    """Change one attribute of a person, or create an option of it."""

    kind: ClassVar[Kind] = Kind.UPDATE
    change: AttributeChange


@dataclass(frozen=True, slots=True, kw_only=True)
class DeprovisionUser(MemberAction):
    """End a membership of the organization."""

    kind: ClassVar[Kind] = Kind.DEPROVISION
    teams: tuple[TeamId, ...] = ()  # team memberships that end with it


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOrgRole(MemberAction):
    """Change a role in the organization."""

    kind: ClassVar[Kind] = Kind.ROLE
    role: Role
    mode: Mode | None = None
    mappings: tuple[MappingId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamAction(BaseAction):
    """The fields of every action on a team. ``new_team``: the name of a team that does not exist yet."""

    team: TeamId
    new_team: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTeam(TeamAction):
    """Create a team that a mapping names."""

    kind: ClassVar[Kind] = Kind.TEAM


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMember(TeamAction):
    """Add a person to a team."""

    kind: ClassVar[Kind] = Kind.ADD
    role: Role = Role.MEMBER
    mode: Mode = Mode.OBSERVE
    mappings: tuple[MappingId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamMemberAction(TeamAction):
    """The fields of the actions on a member of a team, as those of ``MemberAction``."""

    membership: MembershipId | None = None
    observed_role: Role | None = None
    of_bootstrap_owner: bool = False  # takes back what the API key's user got by creating the team


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptMember(TeamMemberAction):
    """Accept a pending team membership."""

    kind: ClassVar[Kind] = Kind.ACCEPT
    role: Role = Role.MEMBER  # which the membership keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTeamRole(TeamMemberAction):
    """Change a role on a team."""

    kind: ClassVar[Kind] = Kind.ROLE
    role: Role
    mode: Mode = Mode.OBSERVE
    mappings: tuple[MappingId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember(TeamMemberAction):
    """End a team membership."""

    kind: ClassVar[Kind] = Kind.REMOVE


JoinAction = CreateUser | AttachUser
Removal = DeprovisionUser | RemoveMember
RoleChange = ChangeOrgRole | ChangeTeamRole
_GivesRole = JoinAction | ReinviteUser | AddMember | AcceptMember | RoleChange
Action = (
    CreateUser
    | AttachUser
    | ReinviteUser
    | ChangeAddress
    | ChangePreferences
    | ChangeAttribute
    | DeprovisionUser
    | ChangeOrgRole
    | CreateTeam
    | AddMember
    | AcceptMember
    | ChangeTeamRole
    | RemoveMember
)


def team_of(action: Action) -> TeamId | None:
    """Return the team that an action is about, or None if it is about the organization."""
    return action.team if isinstance(action, TeamAction) else None


def membership_of(action: Action) -> MembershipId | None:
    """Return the membership that an action changes, or None if it changes none or the id is unknown."""
    return action.membership if isinstance(action, MemberAction | TeamMemberAction) else None


def role_of(action: Action) -> Role | None:
    """Return the role that the person has after an action, or None if the action leaves it open."""
    return action.role if isinstance(action, _GivesRole) else None


def observed_role_of(action: Action) -> Role | None:
    """Return the role that the person had when the plan was made, where the action depends on it."""
    return action.observed_role if isinstance(action, MemberAction | TeamMemberAction) else None


def demotes(action: Action) -> bool:
    """Return True if the person has a lower role after the action."""
    return (
        isinstance(action, RoleChange)
        and action.observed_role is not None
        and action.role.rank < action.observed_role.rank
    )


def removes_access(action: Action) -> bool:
    """Return True if the person has less after the action: a membership ends, or a role becomes lower."""
    return isinstance(action, Removal) or demotes(action)


def is_of_bootstrap_owner(action: Action) -> bool:
    """Return True if the action takes back what the API key's user got by creating a team."""
    return isinstance(action, TeamMemberAction) and action.of_bootstrap_owner
