"""A plan: the actions that bring Cal.com in line with the directory, and what it left out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from calscim.planner.actions import Action
from calscim.planner.desired_state import Link, MembershipRecord
from calscim.planner.ids import (
    CalUserId,
    TeamId,
    UserId,
)


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
    actions: tuple[Action, ...] = ()
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
    deferred: tuple[Deferred, ...] = ()  # drift that has not lasted yet: not among the actions


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pass looks at. None: everything.

    With ``users``, nothing is done about anybody else, on teams neither: the directory then need not
    hold more than these users and whoever is the same person.
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
