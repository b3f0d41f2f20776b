"""What may be done at once: limits on removals, and the floors under which nobody is taken.

Over a limit the whole set in that scope is held, not the excess; everything else goes on.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import floor

from calscim.core.model import (
    Action,
    CalUserId,
    Complete,
    Directory,
    Kind,
    Observed,
    OrgMember,
    Plan,
    Role,
    State,
    TeamId,
    TeamMember,
)
from calscim.core.plan import Policy, digest, untouchable


@dataclass(frozen=True, slots=True)
class Limit:
    """``count``, ``percent``, or both: then the lower holds."""

    count: int | None = None
    percent: float | None = None

    def of(self, size: int, min_size: int) -> int:
        """How many of ``size``; a percentage is taken of at least ``min_size`` and never of nothing."""
        limits = []
        if self.count is not None:
            limits.append(self.count)
        if self.percent is not None:
            limits.append(max(1, floor(self.percent * max(size, min_size) / 100)))
        return min(limits)


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    max_removals_per_team: Limit = Limit(percent=30)
    max_removals_per_organization: Limit = Limit(percent=20)
    max_deprovisions: Limit = Limit(percent=5)
    drift_removals: Limit = Limit(percent=10)
    min_team_size: int = 5
    min_organization_size: int = 20


@dataclass(frozen=True, slots=True)
class Held:
    """A set of actions that one limit holds."""

    hash: str
    guard: str
    actions: tuple[Action, ...]


def guard(
    planned: Plan,
    directory: Directory,  # noqa: ARG001 - part of the promise: guards may look at what is wanted
    observed: Observed,
    policy: GuardPolicy,
    approved: frozenset[str] = frozenset(),
) -> Plan:
    """The plan with what is over a limit held, unless its hash was approved."""
    running = [action for action in planned.actions if action.state is State.RUN]
    held: dict[int, str] = {}
    for actions, sentence in _over(running, observed, policy):
        for action in actions:
            held.setdefault(id(action), sentence)
    plan = replace(
        planned,
        actions=tuple(
            replace(action, state=State.HELD, guard=held[id(action)])
            if id(action) in held
            else action
            for action in planned.actions
        ),
    )
    plan = replace(plan, hash=_hash(plan))
    return plan if not approved else _released(plan, approved)


def _hash(plan: Plan) -> str:
    held = [action for action in plan.actions if action.state is State.HELD]
    return digest(held or plan.actions)


def held_sets(plan: Plan) -> tuple[Held, ...]:
    """What is held, a set for each limit, in the plan's order."""
    sets: dict[str, list[Action]] = {}
    for action in plan.actions:
        if action.state is State.HELD and action.guard is not None:
            sets.setdefault(action.guard, []).append(action)
    return tuple(
        Held(digest(actions), sentence, tuple(actions)) for sentence, actions in sets.items()
    )


def _released(plan: Plan, approved: frozenset[str]) -> Plan:
    free = {
        held.guard for held in held_sets(plan) if held.hash in approved or plan.hash in approved
    }
    return replace(
        plan,
        actions=tuple(
            replace(action, state=State.RUN, guard=None) if action.guard in free else action
            for action in plan.actions
        ),
    )


def _over(
    running: list[Action], observed: Observed, policy: GuardPolicy
) -> Iterable[tuple[list[Action], str]]:
    removals = [action for action in running if action.kind is Kind.REMOVE]
    teams: dict[TeamId, list[Action]] = defaultdict(list)
    for action in removals:
        assert action.team is not None
        teams[action.team].append(action)
    total = 0
    for team, members in observed.teams.items():
        size = len(members.value) if isinstance(members, Complete) else 0
        total += size
        yield from _over_team(team, size, teams.get(team, []), observed, policy)
    limit = policy.max_removals_per_organization.of(total, policy.min_organization_size)
    if len(removals) > limit:
        yield (
            removals,
            f"{len(removals)} team memberships of {total} would be removed at once, "
            f"max_removals_per_organization allows {limit}",
        )
    gone = [action for action in running if action.kind is Kind.DEPROVISION]
    people = len(observed.people.value) if isinstance(observed.people, Complete) else 0
    limit = policy.max_deprovisions.of(people, policy.min_organization_size)
    if len(gone) > limit:
        yield (
            gone,
            f"{len(gone)} people of {people} would lose the organization at once, "
            f"max_deprovisions allows {limit}",
        )


def _over_team(
    team: TeamId, size: int, removals: list[Action], observed: Observed, policy: GuardPolicy
) -> Iterable[tuple[list[Action], str]]:
    name = observed.team_names.get(team, str(team))
    limit = policy.max_removals_per_team.of(size, policy.min_team_size)
    if len(removals) > limit:
        yield (
            removals,
            f"{len(removals)} members of {size} would leave {name} at once, "
            f"max_removals_per_team allows {limit}",
        )
    drift = [action for action in removals if action.drift]
    limit = policy.drift_removals.of(size, policy.min_team_size)
    if len(drift) > limit:
        yield (
            drift,
            f"{len(drift)} members of {size} would leave {name} with no push behind it, "
            f"drift_removals allows {limit}",
        )


def floors(
    action: Action,
    person: OrgMember | None,
    member: TeamMember | None,
    me: CalUserId,
    policy: Policy,
) -> str | None:
    """The last look before something is taken away: why not, or None when it may be."""
    lowers = action.kind in (Kind.DEPROVISION, Kind.REMOVE) or (
        action.kind is Kind.ROLE
        and action.role is not None
        and action.observed_role is not None
        and action.role.rank < action.observed_role.rank
    )
    if not lowers:
        return None
    if action.cal_user == me:
        return "the API key belongs to this person"
    if person is not None and person.email.casefold() in policy.protected:
        return "on the protected list"
    if action.team is None and person is not None:
        return untouchable(person, me, policy)
    if member is not None and member.role is Role.OWNER and action.observed_role is not Role.OWNER:
        return "became an owner of the team in the meantime"
    return None
