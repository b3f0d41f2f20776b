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

from calscim.planner.actions import (
    Action,
    ChangeAddress,
    ChangeOrgRole,
    ChangeTeamRole,
    DeprovisionUser,
    JoinAction,
    RemoveMember,
    State,
    demotes,
)
from calscim.planner.context import PlanContext
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.observed_state import Complete, ObservedState
from calscim.planner.plan import LimitUse, Plan
from calscim.planner.roles import Role
from calscim.planner.safeguards.holds import held_sets, plan_hash
from calscim.planner.safeguards.limits import Guards, Limit, WindowUsage, size_at_start


@dataclass(frozen=True, slots=True)
class _Scope:
    """The actions that a limit applies to; without a limit, each of them is held.

    ``what`` continues the number in the message. ``besides``: what counts, but is not held.
    """

    actions: Sequence[Action]
    limit: LimitUse | None
    what: str
    besides: int = 0

    @property
    def is_over(self) -> bool:
        if not self.actions or self.limit is None:
            return bool(self.actions)
        return len(self.actions) + self.besides + self.limit.used > self.limit.limit

    @property
    def guard(self) -> str:
        planned = f"{len(self.actions) + self.besides} {self.what}"
        if self.limit is None:
            return planned
        before = f", after {self.limit.used} within the window" if self.limit.used else ""
        return f"{planned}{before}; {self.limit}"


def hold_over_limits(plan: Plan, context: PlanContext) -> Plan:
    """Hold every action over a limit, except the approved ones, which count towards no limit.

    An approved hash, of a held set or of the whole plan, releases exactly those actions. The limits are then checked
    again without them, and that can show another set that was approved.
    """
    inputs = context.inputs
    limits = _Limits(inputs.observed, inputs.guards, inputs.usage)
    released = frozenset(number for number, action in enumerate(plan.actions) if action.approved)
    while True:
        checked = _hold(plan, limits, released)
        more = released | _approved(checked, inputs.approved)
        if more == released:
            return replace(checked, hash=plan_hash(checked), limits=limits.in_use())
        released = more


def limits_in_use(
    observed: ObservedState, guards: Guards, usage: WindowUsage
) -> tuple[LimitUse, ...]:
    """Return how much of each limit is used; limits with no use are left out."""
    return _Limits(observed, guards, usage).in_use()


def _hold(plan: Plan, limits: "_Limits", released: frozenset[int]) -> Plan:
    """Return the plan with the actions over a limit held. ``released``: positions of approved actions."""
    running = [
        action
        for number, action in enumerate(plan.actions)
        if action.state is State.RUN and number not in released
    ]
    guards = limits.guards_by_action(running)
    if not guards and not released:
        return plan

    def decided(number: int, action: Action) -> Action:
        if (guard := guards.get(id(action))) is not None:
            return replace(action, state=State.HELD, guard=guard)
        return replace(action, approved=True) if number in released else action

    actions = tuple(decided(number, action) for number, action in enumerate(plan.actions))
    return replace(plan, actions=actions)


def _approved(plan: Plan, approved: frozenset[str]) -> frozenset[int]:
    """Return the positions of the held actions whose set, or whose plan, was approved."""
    if not approved:
        return frozenset()
    is_all = plan_hash(plan) in approved
    guards = {one.guard for one in held_sets(plan) if is_all or one.hash in approved}
    return frozenset(
        number
        for number, action in enumerate(plan.actions)
        if action.state is State.HELD and action.guard in guards
    )


class _Limits:
    """The limits of one pass, and the sizes that they apply to."""

    def __init__(self, observed: ObservedState, guards: Guards, usage: WindowUsage) -> None:
        self._guards = guards
        self._usage = usage
        self._me = observed.me
        self._names = observed.team_names
        self._teams = {
            team: members.value
            for team, members in observed.teams.items()
            if isinstance(members, Complete)
        }
        least = guards.min_organization_size
        present = len(observed.people.value) if isinstance(observed.people, Complete) else 0
        people = size_at_start(present, usage.all_deprovisions, usage.all_new_people, least)
        present = sum(map(len, self._teams.values()))
        memberships = size_at_start(
            present, usage.all_removals.total(), usage.all_additions.total(), least
        )
        self._deprovisions = _use(
            "max_deprovisions", guards.max_deprovisions, people, least, usage.deprovisions
        )
        self._removals = _use(
            "max_removals_per_organization",
            guards.max_removals_per_organization,
            memberships,
            least,
            usage.removals.total(),
        )
        new = guards.max_new_people
        self._new_people = (
            None if new is None else _use("max_new_people", new, people, least, usage.new_people)
        )

    def guards_by_action(self, running: Sequence[Action]) -> dict[int, str]:
        """Return the limit that holds an action, in words, by the ``id()`` of each action to hold."""
        guards: dict[int, str] = {}

        def hold(scope: _Scope) -> None:
            guard = scope.guard
            for action in scope.actions:
                guards.setdefault(id(action), guard)

        deprovisions = [action for action in running if isinstance(action, DeprovisionUser)]
        for scope in self._of_people(running, deprovisions):
            if scope.is_over:
                hold(scope)
        leaving = {one.cal_user for one in deprovisions if id(one) not in guards}
        for scope in self._of_teams(running, leaving):
            if scope.is_over:
                hold(scope)
        new = self._of_new_people(running)
        if new is not None and new.is_over:
            users = {action.user for action in new.actions}
            followers = [one for one in running if one.user in users and one.cal_user is None]
            hold(new)
            guards = dict.fromkeys(map(id, followers), new.guard) | guards
        return guards

    def _of_people(
        self, running: Sequence[Action], deprovisions: Sequence[Action]
    ) -> Iterator[_Scope]:
        limit = self._deprovisions
        yield _Scope(
            deprovisions, limit, f"people of {limit.size} would leave the organization at once"
        )
        yield _Scope(
            [action for action in running if isinstance(action, ChangeOrgRole) and demotes(action)],
            replace(limit, used=self._usage.org_demotions),
            f"people of {limit.size} would lose their role in the organization at once",
        )
        yield _Scope(
            [action for action in running if self._moves_protected_account(action)],
            None,
            "addresses of owners or of the key's own user would change, which hands the account to another mailbox",
        )

    def _moves_protected_account(self, action: Action) -> bool:
        """Return True for a new address of an owner of the organization or of the API key's user."""
        return isinstance(action, ChangeAddress) and (
            action.observed_role is Role.OWNER or action.cal_user == self._me
        )

    def _of_new_people(self, running: Sequence[Action]) -> _Scope | None:
        limit = self._new_people
        if limit is None:
            return None
        return _Scope(
            [action for action in running if isinstance(action, JoinAction)],
            limit,
            f"people would join the organization of {limit.size} people at once",
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
        limit = self._removals
        yield _Scope(
            [action for actions in removals.values() for action in actions],
            limit,
            f"team memberships of {limit.size} would end at once",
            sum(self._count_leaving(team, leaving) for team in self._teams),
        )
        yield _Scope(
            [action for actions in demotions.values() for action in actions],
            replace(limit, used=self._usage.demotions.total()),
            f"team roles of {limit.size} would be lowered at once",
        )

    def _of_team(
        self,
        team: TeamId,
        removals: list[Action],
        demotions: list[Action],
        leaving: set[CalUserId | None],
    ) -> Iterator[_Scope]:
        limit = self._team_removals(team)
        place = f"{self._names.get(team, 'the team')} (team {team})"
        leave = f"members of {limit.size} would leave {place} at once"
        yield _Scope(removals, limit, leave, self._count_leaving(team, leaving))
        yield _Scope(
            [action for action in removals if action.drift],
            self._drift_removals(team),
            f"{leave} although no push asked for that",
        )
        yield _Scope(
            demotions,
            replace(limit, used=self._usage.demotions[team]),
            f"members of {limit.size} would get a lower role on {place} at once",
        )

    def _team_removals(self, team: TeamId) -> LimitUse:
        limit, used = self._guards.max_removals_per_team, self._usage.removals[team]
        return self._of_team_size(team, "max_removals_per_team", limit, used)

    def _drift_removals(self, team: TeamId) -> LimitUse:
        limit, used = self._guards.drift_removals, self._usage.drift_removals[team]
        return self._of_team_size(team, "drift_removals", limit, used)

    def _of_team_size(self, team: TeamId, name: str, limit: Limit, used: int) -> LimitUse:
        usage, least = self._usage, self._guards.min_team_size
        present = len(self._teams.get(team, ()))
        size = size_at_start(present, usage.all_removals[team], usage.all_additions[team], least)
        return _use(name, limit, size, least, used, team)

    def in_use(self) -> tuple[LimitUse, ...]:
        """Return how much of each limit was used within the window; limits with no use are left out."""
        new_people = () if self._new_people is None else (self._new_people,)
        uses = (
            self._deprovisions,
            self._removals,
            *new_people,
            *map(self._team_removals, sorted(self._usage.removals)),
            *map(self._drift_removals, sorted(self._usage.drift_removals)),
        )
        return tuple(use for use in uses if use.used)

    def _count_leaving(self, team: TeamId, leaving: set[CalUserId | None]) -> int:
        members = self._teams.get(team, {})
        return sum(account in members for account in leaving)


def _use(
    name: str, limit: Limit, size: int, min_size: int, used: int, team: TeamId | None = None
) -> LimitUse:
    return LimitUse(name, team, used, limit.of(size, min_size), size, str(limit))


def _by_team(actions: Iterable[RemoveMember | ChangeTeamRole]) -> dict[TeamId, list[Action]]:
    teams: dict[TeamId, list[Action]] = defaultdict(list)
    for action in actions:
        teams[action.team].append(action)
    return teams
