"""A plan: the actions that bring Cal.com in line with the directory, and what it left out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from calscim.planner.actions import Action
from calscim.planner.desired_state import Link, MembershipRecord
from calscim.planner.ids import CalUserId, TeamId, UserId


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
    """The used part of a limit within the window. ``team`` None: the organization's limit."""

    name: str  # the key of the configuration's [guards]
    team: TeamId | None
    used: int
    limit: int
    size: int  # the size that a percentage applies to


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
    applied_attributes: tuple[tuple[CalUserId, str, str], ...] = ()
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


def merge_waiting(waiting: Iterable[Waiting]) -> tuple[Waiting, ...]:
    """Return one entry for each person; a second reason follows the first."""
    merged: dict[UserId, Waiting] = {}
    for one in waiting:
        before = merged.get(one.user)
        merged[one.user] = (
            one if before is None else replace(before, reason=f"{before.reason}; {one.reason}")
        )
    return tuple(merged.values())
