"""Hold what an operator has to approve: removals and additions over a limit within a window of time.

A limit counts the removals within the window and the planned ones together, whatever their cause: identity providers
send removals one by one, and each pass sees only a few of them. What an operator approved does not count again. A
percentage applies to the size at the start of the window.

Over a limit, the whole planned set in that scope is held, not only the excess; everything else goes on. The scopes
are: the people who leave the organization; the removals of a team; the removals of a team without a journal row; the
demotions of a team; all removals and all demotions of the organization; and, with max_new_people, the people who
would join the organization. The narrowest scope over its limit names the hold of a removal, so that an operator sees
the team. A new address for an owner or for the API key's user is always held, because it hands the account to another
mailbox.

The team memberships that end with a deprovision count as removals of their teams and use up the limits there. The
person who leaves is held only by the limit on deprovisions.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from calscim.planner.action_key import digest
from calscim.planner.actions import (
    Action,
    ChangeAddress,
    ChangeOrgRole,
    ChangeTeamRole,
    DeprovisionUser,
    RemoveMember,
    State,
    adds_org_member,
    demotes,
)
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.observed_state import Complete, ObservedState
from calscim.planner.plan import LimitUse, Plan
from calscim.planner.roles import Role
from calscim.planner.safeguards.limits import Guards, Limit, WindowUsage, size_at_start


@dataclass(frozen=True, slots=True)
class HoldSet:
    """A set of actions that one limit holds. Approving ``hash`` releases exactly these actions."""

    hash: str
    guard: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class _Scope:
    """The actions that a limit applies to. ``besides``: actions that count, but are not held."""

    actions: Sequence[Action]
    limit: int
    sentence: str  # a message with {count} and {before}
    besides: int = 0
    used: int = 0  # removals within the window before this plan

    @property
    def over(self) -> bool:
        return bool(self.actions) and len(self.actions) + self.besides + self.used > self.limit

    @property
    def guard(self) -> str:
        planned = len(self.actions) + self.besides
        before = f", after {self.used} within the window" if self.used else ""
        return self.sentence.format(count=planned, before=before)


def hold_over_limits(
    plan: Plan,
    observed: ObservedState,
    policy: Guards,
    approved: frozenset[str] = frozenset(),
    usage: WindowUsage | None = None,
) -> Plan:
    """Return the plan with every action over a limit held.

    ``approved``: hashes of held sets, or of the whole plan. They release exactly those actions, which then count
    towards no limit. ``usage``: the removals and additions within the window before this plan.
    """
    limits = _Limits(observed, policy, usage or WindowUsage())
    free: frozenset[int] = frozenset(
        number for number, action in enumerate(plan.actions) if action.approved
    )
    guarded = _held(plan, limits, free)
    while True:
        more = free | _released(guarded, approved)
        if more == free:
            return replace(guarded, hash=_hash(guarded), limits=limits.in_use())
        free = more
        guarded = _held(plan, limits, free)


def limits_in_use(
    observed: ObservedState, policy: Guards, usage: WindowUsage
) -> tuple[LimitUse, ...]:
    """Return how much of each limit is used; limits with no use are left out."""
    return _Limits(observed, policy, usage).in_use()


def held_sets(plan: Plan) -> tuple[HoldSet, ...]:
    """Return the held sets, one for each limit, in the plan's order."""
    sets: dict[str, list[Action]] = {}
    for action in plan.actions:
        if action.state is State.HELD and action.guard is not None:
            sets.setdefault(action.guard, []).append(action)
    return tuple(
        HoldSet(digest(actions), sentence, tuple(actions)) for sentence, actions in sets.items()
    )


def _hash(plan: Plan) -> str:
    held = [action for action in plan.actions if action.state is State.HELD]
    return digest(held or plan.actions)


def _held(plan: Plan, limits: "_Limits", free: frozenset[int]) -> Plan:
    """Return the plan with the actions over a limit held. ``free``: positions of approved actions."""
    running = [
        action
        for number, action in enumerate(plan.actions)
        if action.state is State.RUN and number not in free
    ]
    held = {id(action): sentence for action, sentence in limits.over(running)}
    if not held and not free:
        return plan
    return replace(
        plan,
        actions=tuple(
            replace(action, state=State.HELD, guard=held[id(action)])
            if id(action) in held
            else replace(action, approved=True)
            if number in free
            else action
            for number, action in enumerate(plan.actions)
        ),
    )


def _released(plan: Plan, approved: frozenset[str]) -> frozenset[int]:
    """Return the positions of the held actions whose set, or whose plan, was approved."""
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
    """The limits of one pass, and the sizes that they apply to."""

    def __init__(self, observed: ObservedState, policy: Guards, usage: WindowUsage) -> None:
        self._policy = policy
        self._usage = usage
        self._me = observed.me
        self._names = observed.team_names
        self._teams = {
            team: members.value
            for team, members in observed.teams.items()
            if isinstance(members, Complete)
        }
        people = observed.people
        present = len(people.value) if isinstance(people, Complete) else 0
        self._people = size_at_start(
            present, usage.gone_people, usage.joined_people, policy.min_organization_size
        )
        memberships = sum(map(len, self._teams.values()))
        self._memberships = size_at_start(
            memberships,
            usage.gone.total(),
            usage.joined.total(),
            policy.min_organization_size,
        )

    def over(self, running: Sequence[Action]) -> Iterator[tuple[Action, str]]:
        """Yield each action to hold once, with the limit that holds it."""
        held: set[int] = set()
        leaving: set[CalUserId | None] = {
            action.cal_user for action in running if isinstance(action, DeprovisionUser)
        }
        for scope in self._of_people(running):
            if scope.over:
                if isinstance(scope.actions[0], DeprovisionUser):
                    leaving.clear()
                yield from _once(scope, held)
        for scope in self._of_teams(running, leaving):
            if scope.over:
                yield from _once(scope, held)
        new = self._of_new_people(running)
        if new is not None and new.over:
            yield from _once(new, held)
            yield from _followers(running, new, held)

    def _of_people(self, running: Sequence[Action]) -> Iterator[_Scope]:
        policy = self._policy
        limit = self._deprovisions
        name = f"max_deprovisions ({policy.max_deprovisions}) allows {limit}"
        yield _Scope(
            [action for action in running if isinstance(action, DeprovisionUser)],
            limit,
            f"{{count}} people of {self._people} would lose the organization at once{{before}}; {name}",
            used=self._usage.deprovisioned,
        )
        yield _Scope(
            [action for action in running if isinstance(action, ChangeOrgRole) and demotes(action)],
            limit,
            f"{{count}} people of {self._people} would lose their role in the organization at once{{before}}; {name}",
            used=self._usage.demoted_people,
        )
        yield _Scope(
            [action for action in running if self._moves_a_keeper(action)],
            0,
            "{count} addresses of owners or of the key's own user would change, which hands the account to "
            "another mailbox",
        )

    def _moves_a_keeper(self, action: Action) -> bool:
        """Return True for a new address of an owner of the organization or of the API key's own user."""
        return isinstance(action, ChangeAddress) and (
            action.observed_role is Role.OWNER or action.cal_user == self._me
        )

    def _of_new_people(self, running: Sequence[Action]) -> _Scope | None:
        policy = self._policy.max_new_people
        if policy is None:
            return None
        limit = policy.of(self._people, self._policy.min_organization_size)
        return _Scope(
            [action for action in running if adds_org_member(action)],
            limit,
            f"{{count}} people would come into the organization of {self._people} at once{{before}}; "
            f"max_new_people ({policy}) allows {limit}",
            used=self._usage.new_people,
        )

    def _of_teams(
        self, running: Sequence[Action], leaving: set[CalUserId | None]
    ) -> Iterator[_Scope]:
        removals = _by_team(action for action in running if isinstance(action, RemoveMember))
        demotions = _by_team(
            action for action in running if isinstance(action, ChangeTeamRole) and demotes(action)
        )
        if not removals and not demotions:
            return
        for team in sorted(removals.keys() | demotions.keys()):
            yield from self._of_team(team, removals.get(team, []), demotions.get(team, []), leaving)
        policy = self._policy
        limit = self._removals
        name = (
            f"max_removals_per_organization ({policy.max_removals_per_organization}) allows {limit}"
        )
        yield _Scope(
            [action for actions in removals.values() for action in actions],
            limit,
            f"{{count}} team memberships of {self._memberships} would go at once{{before}}; {name}",
            sum(self._with_leavers(team, leaving) for team in self._teams),
            used=self._usage.left.total(),
        )
        yield _Scope(
            [action for actions in demotions.values() for action in actions],
            limit,
            f"{{count}} team roles of {self._memberships} would be lowered at once{{before}}; {name}",
            used=self._usage.demoted.total(),
        )

    def _of_team(
        self,
        team: TeamId,
        removals: list[Action],
        demotions: list[Action],
        leaving: set[CalUserId | None],
    ) -> Iterator[_Scope]:
        policy, usage = self._policy, self._usage
        size = self._size(team)
        place = f"{self._names.get(team, 'the team')} (team {team})".replace("{", "(")
        place = place.replace("}", ")")
        limit = self._of_size(policy.max_removals_per_team, team)
        name = f"max_removals_per_team ({policy.max_removals_per_team}) allows {limit}"
        yield _Scope(
            removals,
            limit,
            f"{{count}} members of {size} would leave {place} at once{{before}}; {name}",
            self._with_leavers(team, leaving),
            used=usage.left[team],
        )
        drift = self._of_size(policy.drift_removals, team)
        yield _Scope(
            [action for action in removals if action.drift],
            drift,
            f"{{count}} members of {size} would leave {place} at once although no push asked for it{{before}}; "
            f"drift_removals ({policy.drift_removals}) allows {drift}",
            used=usage.drift[team],
        )
        yield _Scope(
            demotions,
            limit,
            f"{{count}} members of {size} would get a lower role on {place} at once{{before}}; {name}",
            used=usage.demoted[team],
        )

    @property
    def _deprovisions(self) -> int:
        policy = self._policy
        return policy.max_deprovisions.of(self._people, policy.min_organization_size)

    @property
    def _removals(self) -> int:
        policy = self._policy
        return policy.max_removals_per_organization.of(
            self._memberships, policy.min_organization_size
        )

    def _size(self, team: TeamId) -> int:
        usage = self._usage
        return size_at_start(
            len(self._teams.get(team, ())),
            usage.gone[team],
            usage.joined[team],
            self._policy.min_team_size,
        )

    def _of_size(self, limit: Limit, team: TeamId) -> int:
        return limit.of(self._size(team), self._policy.min_team_size)

    def in_use(self) -> tuple[LimitUse, ...]:
        """Return how much of each limit was used within the window; limits with no use are left out."""
        usage, policy = self._usage, self._policy
        uses = [
            LimitUse(
                "max_deprovisions", None, usage.deprovisioned, self._deprovisions, self._people
            ),
            LimitUse(
                "max_removals_per_organization",
                None,
                usage.left.total(),
                self._removals,
                self._memberships,
            ),
        ]
        if policy.max_new_people is not None:
            allowed = policy.max_new_people.of(self._people, policy.min_organization_size)
            uses.append(LimitUse("max_new_people", None, usage.new_people, allowed, self._people))
        for name, limit, counts in (
            ("max_removals_per_team", policy.max_removals_per_team, usage.left),
            ("drift_removals", policy.drift_removals, usage.drift),
        ):
            uses += [
                LimitUse(name, team, counts[team], self._of_size(limit, team), self._size(team))
                for team in sorted(counts)
            ]
        return tuple(use for use in uses if use.used)

    def _with_leavers(self, team: TeamId, leaving: set[CalUserId | None]) -> int:
        members = self._teams.get(team, {})
        return sum(account in members for account in leaving)


def _by_team(actions: Iterable[RemoveMember | ChangeTeamRole]) -> dict[TeamId, list[Action]]:
    teams: dict[TeamId, list[Action]] = defaultdict(list)
    for action in actions:
        teams[action.team].append(action)
    return teams


def _followers(
    running: Sequence[Action], new: _Scope, held: set[int]
) -> Iterator[tuple[Action, str]]:
    """Yield the actions that depend on the account of a person whose invitation is held."""
    users = {action.user for action in new.actions}
    for action in running:
        if action.user in users and action.cal_user is None and id(action) not in held:
            held.add(id(action))
            yield action, new.guard


def _once(scope: _Scope, held: set[int]) -> Iterator[tuple[Action, str]]:
    for action in scope.actions:
        if id(action) not in held:
            held.add(id(action))
            yield action, scope.guard
