"""What may be done at once: limits on what one pass takes away.

Over a limit the whole set in that scope is held, not the excess; everything else goes on, and adds are never
held. The scopes: the people who lose the organization; a team's removals; its removals that no journal row is
behind; its demotions; all removals, all demotions of the organization. The narrowest scope that is over its
limit names a removal's hold, so that an operator sees which team it is about.

The memberships that go with a deprovision count as removals of their teams: they make less room for
others there, but a leaver is held only by the limit on leavers.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from calscim.core.digest import digest
from calscim.core.floors import demotes, floors
from calscim.core.limits import GuardPolicy, Limit, Sizes
from calscim.core.model import (
    Action,
    CalUserId,
    Complete,
    Directory,
    Kind,
    Observed,
    Plan,
    State,
    TeamId,
)

__all__ = ["GuardPolicy", "Held", "Limit", "Sizes", "floors", "guard", "held_sets"]


@dataclass(frozen=True, slots=True)
class Held:
    """A set of actions that one limit holds; ``hash`` lets exactly these go."""

    hash: str
    guard: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a limit is applied to. ``besides``: counted, and not to be held."""

    actions: Sequence[Action]
    limit: int
    sentence: str  # with {count}
    besides: int = 0

    @property
    def over(self) -> bool:
        return bool(self.actions) and len(self.actions) + self.besides > self.limit

    @property
    def guard(self) -> str:
        return self.sentence.format(count=len(self.actions) + self.besides)


def guard(
    plan: Plan,
    directory: Directory,  # noqa: ARG001 - part of the promise: guards may look at what is wanted
    observed: Observed,
    policy: GuardPolicy,
    approved: frozenset[str] = frozenset(),
    sizes: Sizes | None = None,
) -> Plan:
    """The plan with what is over a limit held.

    ``approved``: hashes of held sets, or of the whole plan, which release exactly those actions; these count
    towards no limit any more. ``sizes``: for passes that did not look at everything.
    """
    limits = _Limits(observed, policy, sizes or Sizes())
    free: frozenset[int] = frozenset()
    guarded = _held(plan, limits, free)
    while True:
        more = free | _released(guarded, approved)
        if more == free:
            return replace(guarded, hash=_hash(guarded))
        free = more
        guarded = _held(plan, limits, free)


def held_sets(plan: Plan) -> tuple[Held, ...]:
    """What is held, a set for each limit, in the plan's order."""
    sets: dict[str, list[Action]] = {}
    for action in plan.actions:
        if action.state is State.HELD and action.guard is not None:
            sets.setdefault(action.guard, []).append(action)
    return tuple(
        Held(digest(actions), sentence, tuple(actions)) for sentence, actions in sets.items()
    )


def _hash(plan: Plan) -> str:
    held = [action for action in plan.actions if action.state is State.HELD]
    return digest(held or plan.actions)


def _held(plan: Plan, limits: "_Limits", free: frozenset[int]) -> Plan:
    """``free``: positions of actions that were approved."""
    running = [
        action
        for number, action in enumerate(plan.actions)
        if action.state is State.RUN and number not in free
    ]
    held = {id(action): sentence for action, sentence in limits.over(running)}
    if not held:
        return plan
    return replace(
        plan,
        actions=tuple(
            replace(action, state=State.HELD, guard=held[id(action)])
            if id(action) in held
            else action
            for action in plan.actions
        ),
    )


def _released(plan: Plan, approved: frozenset[str]) -> frozenset[int]:
    """Positions of the held actions whose set, or whose plan, was approved."""
    if not approved:
        return frozenset()
    everything = _hash(plan) in approved
    sentences = {one.guard for one in held_sets(plan) if everything or one.hash in approved}
    return frozenset(
        number
        for number, action in enumerate(plan.actions)
        if action.state is State.HELD and action.guard in sentences
    )


class _Limits:
    """The limits of one pass, and what they are of."""

    def __init__(
        self,
        observed: Observed,
        policy: GuardPolicy,
        sizes: Sizes,
    ) -> None:
        self._policy = policy
        self._names = observed.team_names
        self._teams = {
            team: members.value
            for team, members in observed.teams.items()
            if isinstance(members, Complete)
        }
        people = observed.people
        self._people = len(people.value) if isinstance(people, Complete) else 0
        if sizes.people is not None:
            self._people = sizes.people
        self._memberships = sizes.memberships
        if self._memberships is None:
            self._memberships = sum(map(len, self._teams.values()))

    def over(self, running: Sequence[Action]) -> Iterator[tuple[Action, str]]:
        """Each action to be held, once, with the limit that holds it."""
        held: set[int] = set()
        leaving: set[CalUserId | None] = {
            action.cal_user for action in running if action.kind is Kind.DEPROVISION
        }
        for scope in self._of_people(running):
            if scope.over:
                if scope.actions[0].kind is Kind.DEPROVISION:
                    leaving.clear()
                yield from _once(scope, held)
        for scope in self._of_teams(running, leaving):
            if scope.over:
                yield from _once(scope, held)

    def _of_people(self, running: Sequence[Action]) -> Iterator[_Scope]:
        policy = self._policy
        limit = policy.max_deprovisions.of(self._people, policy.min_organization_size)
        name = f"max_deprovisions ({policy.max_deprovisions}) allows {limit}"
        yield _Scope(
            [action for action in running if action.kind is Kind.DEPROVISION],
            limit,
            f"{{count}} people of {self._people} would lose the organization at once; {name}",
        )
        yield _Scope(
            [action for action in running if action.team is None and demotes(action)],
            limit,
            f"{{count}} people of {self._people} would lose their role in the organization at once; {name}",
        )

    def _of_teams(
        self, running: Sequence[Action], leaving: set[CalUserId | None]
    ) -> Iterator[_Scope]:
        removals = _by_team(action for action in running if action.kind is Kind.REMOVE)
        demotions = _by_team(
            action for action in running if action.team is not None and demotes(action)
        )
        if not removals and not demotions:
            return
        for team in sorted(removals.keys() | demotions.keys()):
            yield from self._of_team(team, removals.get(team, []), demotions.get(team, []), leaving)
        policy = self._policy
        assert self._memberships is not None
        limit = policy.max_removals_per_organization.of(
            self._memberships, policy.min_organization_size
        )
        name = (
            f"max_removals_per_organization ({policy.max_removals_per_organization}) allows {limit}"
        )
        yield _Scope(
            [action for actions in removals.values() for action in actions],
            limit,
            f"{{count}} team memberships of {self._memberships} would go at once; {name}",
            sum(self._with_leavers(team, leaving) for team in self._teams),
        )
        yield _Scope(
            [action for actions in demotions.values() for action in actions],
            limit,
            f"{{count}} team roles of {self._memberships} would be lowered at once; {name}",
        )

    def _of_team(
        self,
        team: TeamId,
        removals: list[Action],
        demotions: list[Action],
        leaving: set[CalUserId | None],
    ) -> Iterator[_Scope]:
        policy = self._policy
        size = len(self._teams.get(team, ()))
        place = f"{self._names.get(team, 'the team')} (team {team})".replace("{", "(")
        place = place.replace("}", ")")
        limit = policy.max_removals_per_team.of(size, policy.min_team_size)
        name = f"max_removals_per_team ({policy.max_removals_per_team}) allows {limit}"
        yield _Scope(
            removals,
            limit,
            f"{{count}} members of {size} would leave {place} at once; {name}",
            self._with_leavers(team, leaving),
        )
        drift = policy.drift_removals.of(size, policy.min_team_size)
        yield _Scope(
            [action for action in removals if action.drift],
            drift,
            f"{{count}} members of {size} would leave {place} at once although no push asked for it; "
            f"drift_removals ({policy.drift_removals}) allows {drift}",
        )
        yield _Scope(
            demotions,
            limit,
            f"{{count}} members of {size} would get a lower role on {place} at once; {name}",
        )

    def _with_leavers(self, team: TeamId, leaving: set[CalUserId | None]) -> int:
        members = self._teams.get(team, {})
        return sum(account in members for account in leaving)


def _by_team(actions: Iterable[Action]) -> dict[TeamId, list[Action]]:
    teams: dict[TeamId, list[Action]] = defaultdict(list)
    for action in actions:
        assert action.team is not None
        teams[action.team].append(action)
    return teams


def _once(scope: _Scope, held: set[int]) -> Iterator[tuple[Action, str]]:
    for action in scope.actions:
        if id(action) not in held:
            held.add(id(action))
            yield action, scope.guard
