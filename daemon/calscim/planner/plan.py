"""A plan: the actions that bring Cal.com in line with the directory, and what it left out."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from calscim.planner.actions import Action
from calscim.planner.desired_state import Link, MembershipRecord, User
from calscim.planner.ids import CalUserId, TeamId, UserId

AppliedAttribute = tuple[CalUserId, str, str]
"""An account, the id of an attribute, and the value that Cal.com has, as the ledger records it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A person for whom the planner cannot act yet, and the reason."""

    user: UserId
    email: str  # "" for a person without an address
    reason: str
    user_name: str = ""  # of a person without an address


@dataclass(frozen=True, slots=True)
class DriftObservation:
    """How many complete passes before this one contained an action, and how long ago the first was."""

    passes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Deferred:
    """Drift that is not corrected yet, and how long it must still last."""

    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit, and what counted towards it within the window before the plan. ``team`` None: the organization's."""

    name: str  # the key of the configuration's [guards]
    team: TeamId | None
    used: int
    limit: int
    size: int  # the size that a percentage applies to
    written: str  # the limit as configured, such as "30%"

    def __str__(self) -> str:
        return f"{self.name} ({self.written}) allows {self.limit}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All actions for one organization, in canonical order; comparable and printable."""

    organization: str
    actions: tuple[Action, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    incomplete: tuple[str, ...] = ()  # what could not be read, one sentence each
    in_place: tuple[MembershipRecord, ...] = ()  # wanted and present: what the ledger should record
    links: tuple[Link, ...] = ()  # links to accounts that were matched: to be recorded
    hash: str = ""
    notes: tuple[str, ...] = ()  # what was left unchanged on purpose, one sentence each
    # Attributes that have the wanted value: to be recorded.
    applied_attributes: tuple[AppliedAttribute, ...] = ()
    limits: tuple[LimitUse, ...] = ()  # how much of each limit is used
    members: int | None = None  # current members of the organization; None: not read
    deferred: tuple[Deferred, ...] = ()  # recent drift: not among the actions


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pass covers. None: everything.

    With ``users``, the plan contains no actions for other people, not even on teams. The desired state then needs
    only these users and the other users of the same people.
    """

    users: frozenset[UserId] | None = None
    teams: frozenset[TeamId] | None = None


@dataclass(slots=True)
class Additions:
    """What a stage adds to a plan."""

    actions: list[Action] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    in_place: list[MembershipRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    applied_attributes: list[AppliedAttribute] = field(default_factory=list)

    def wait(self, user: User, reason: str) -> None:
        """Note what has to happen before the planner can act for a user."""
        user_name = "" if user.email else user.user_name
        self.waiting.append(Waiting(user.id, user.email, reason, user_name))

    def leave_protected(self, action: Action, protection: str) -> None:
        """Note that an action is not made, because the person is protected."""
        if action.user is not None:
            reason = f"{action.reason}, but calscim does not change this person: {protection}"
            self.waiting.append(Waiting(action.user, action.email, reason))

    def add_to(self, plan: Plan) -> Plan:
        return replace(
            plan,
            actions=(*plan.actions, *self.actions),
            waiting=_merge_waiting((*plan.waiting, *self.waiting)),
            incomplete=(*plan.incomplete, *self.incomplete),
            in_place=(*plan.in_place, *self.in_place),
            notes=(*plan.notes, *self.notes),
            applied_attributes=(*plan.applied_attributes, *self.applied_attributes),
        )


def _merge_waiting(waiting: Iterable[Waiting]) -> tuple[Waiting, ...]:
    """Return one entry for each person; a second reason follows the first."""
    merged: dict[UserId, Waiting] = {}
    for one in waiting:
        before = merged.get(one.user)
        merged[one.user] = (
            one if before is None else replace(before, reason=f"{before.reason}; {one.reason}")
        )
    return tuple(merged.values())
