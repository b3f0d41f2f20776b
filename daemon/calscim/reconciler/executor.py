"""Executes a plan one action at a time. A failure of one action stops no other.

The executor reads a person's organization membership again before each deprovision or demotion. It stops when the
lease is lost, or when Cal.com refuses the key or does not answer. Such a failure parks no action: see outage.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from calscim.calcom.writer import Writer
from calscim.errors import RemoteKind
from calscim.planner.actions import (
    Action,
    ChangeAttribute,
    CreateTeam,
    DeprovisionUser,
    JoinAction,
    Outcome,
    Provenance,
    State,
)
from calscim.planner.ids import UserId
from calscim.planner.observed_state import Incomplete, Team
from calscim.planner.people.membership import NOT_ACCEPTED
from calscim.planner.plan import Plan, Waiting
from calscim.reconciler.action_resolver import ActionResolver
from calscim.reconciler.call_outcomes import OutcomeHandler
from calscim.reconciler.deprovisioning import Deprovisioner
from calscim.reconciler.observed_cache import ObservedCache
from calscim.reconciler.outage import OutageDetector, RemoteUnavailable
from calscim.reconciler.preflight import Preflight
from calscim.reconciler.progress import Progress
from calscim.reconciler.provisioning import Joiner
from calscim.reconciler.retry_queue import PassResult, RetryQueue

THROTTLED_TRIES = 5


@dataclass(frozen=True, slots=True)
class Executor:
    """Executes the plan of one pass. ``replan``: plans the attribute changes of one person again."""

    writer: Writer
    view: ObservedCache
    preflight: Preflight
    retry_queue: RetryQueue
    request_ids: Mapping[Provenance, str]
    default_request_id: str
    interrupted: Callable[[], bool]
    progress: Progress
    resolver: ActionResolver
    joiner: Joiner
    deprovisioner: Deprovisioner
    outage: OutageDetector
    outcomes: OutcomeHandler
    replan: Callable[[UserId], Awaitable[Sequence[Action]]]

    @property
    def pass_result(self) -> PassResult:
        return self.retry_queue.pass_result

    async def execute(self, plan: Plan) -> PassResult:
        """Execute the runnable actions in the plan's order. Raise LeaseLost or StoreUnavailable."""
        running = [action for action in plan.actions if action.state is State.RUN]
        queue = deque(self.outage.order_actions(running))
        throttled, of = 0, len(queue)
        while queue and not self.outage.has_begun:
            await self.progress.come_to(of - len(queue), of)
            if self.interrupted() and not self.resolver.exchanges.is_under_way(queue[0]):
                self.pass_result.interrupted = True
                break
            action = queue.popleft()
            try:
                again = await self._execute_one(action, queue)
            except RemoteUnavailable as error:
                queue.appendleft(action)
                self._stop(str(error), error.kind)
                break
            if again:
                queue.appendleft(action)
                throttled += 1
                if throttled > THROTTLED_TRIES:
                    self._stop("another client uses up Cal.com's rate limit", RemoteKind.THROTTLED)
                    break
        self.pass_result.pending += queue
        await self._close()
        return self.pass_result

    def _stop(self, reason: str, kind: RemoteKind) -> None:
        self.pass_result.unreachable = reason
        self.pass_result.unreachable_kind = kind

    async def _close(self) -> None:
        pass_result = self.pass_result
        gap = await self.outage.close(
            is_known_unreachable=pass_result.interrupted or pass_result.unreachable is not None
        )
        if not pass_result.interrupted:  # else the next pass goes on at once
            pass_result.unreachable = pass_result.unreachable or gap

    async def _execute_one(self, action: Action, queue: deque[Action]) -> bool:
        """Execute one action; return True if the rate limit stopped it and this pass should retry."""
        if self.retry_queue.is_waiting(action):
            self.pass_result.count(Outcome.PARKED, action)
            return False
        if isinstance(action, CreateTeam):
            return await self._create_team(action)
        if self.resolver.awaits_acceptance(action):
            assert action.user is not None, "teams and attributes are those of users"
            self.pass_result.waiting[action.user] = Waiting(action.user, action.email, NOT_ACCEPTED)
            return False
        outdated = await self.resolver.is_outdated(action)
        if isinstance(outdated, Incomplete):
            await self.outage.park_unread(action, outdated.reason)
        elif outdated:
            await self._replan(action, queue)
        elif (ready := self.resolver.resolve(action)) is None:
            self.pass_result.count(Outcome.BLOCKED, action)
        else:
            return await self._call(action, ready, queue)
        return False

    async def _replan(self, action: Action, queue: deque[Action]) -> None:
        """Plan the person's attribute changes again, and put them first in the queue."""
        assert action.user is not None, "attributes are those of users"
        others = [
            other
            for other in queue
            if not isinstance(other, ChangeAttribute) or other.user != action.user
        ]
        queue.clear()
        queue.extend([*await self.replan(action.user), *others])

    async def _call(self, action: Action, ready: Action, upcoming: Iterable[Action]) -> bool:
        """Make the last checks and the call. ``ready``: the action with every id that the call needs."""
        request_id = self._request_id(action)
        if isinstance(ready, JoinAction):
            prepared = await self.joiner.prepare(ready, self._joining(upcoming), request_id)
            if not isinstance(prepared, JoinAction):
                await self.outcomes.note_existing_member(ready, prepared)
                return False
            ready = prepared
        ready, refusal = await self.preflight.check(ready)
        if isinstance(refusal, Incomplete):
            await self.outage.park_unread(action, refusal.reason)
            return False
        if refusal is not None:
            await self.retry_queue.park(action, refusal, refused=True)
            return False
        if isinstance(ready, ChangeAttribute):
            await self.resolver.attribute_sync.record_intent(ready)
        if isinstance(ready, DeprovisionUser):
            return await self._deprovision(ready, request_id)
        return await self.outcomes.call(
            ready, action if isinstance(action, JoinAction) else ready, request_id
        )

    def _joining(self, upcoming: Iterable[Action]) -> Iterable[Action]:
        """Yield the actions that add people to the organization and are not parked."""
        return (
            other
            for other in upcoming
            if isinstance(other, JoinAction) and not self.retry_queue.is_waiting(other)
        )

    async def _deprovision(self, action: DeprovisionUser, request_id: str) -> bool:
        assert action.cal_user is not None, "a member has an account"
        failed = await self.deprovisioner.leave_teams(action, request_id)
        if failed is not None:
            return await self.outcomes.handle(action, failed, action, request_id)
        before = self.view.memberships_of(action.cal_user)
        person = (self.view.people or {}).get(action.cal_user)
        action = replace(action, teams=tuple(sorted(before)))
        result = await self.writer.perform(action, request_id)
        again = await self.outcomes.handle(action, result, action, request_id)
        if result.outcome is Outcome.DONE:  # otherwise another program ended the membership
            await self.deprovisioner.learn_traits(action, person, before, request_id)
        return again

    async def _create_team(self, action: CreateTeam) -> bool:
        """Create a team unless it exists: added by hand, or by a call whose answer was lost."""
        assert action.new_team is not None
        new_teams, request_id = self.resolver.new_teams, self._request_id(action)
        found = await new_teams.find(action.new_team)
        if found is None:
            result = await self.writer.perform(action, request_id)
            if result.outcome is not Outcome.CONFLICT:
                return await self.outcomes.handle(action, result, action, request_id)
            found = await new_teams.find(action.new_team) or Incomplete(
                f"{result.detail}; Cal.com does not show the team yet"
            )
        if isinstance(found, Team):
            await new_teams.bind_found(action.team, found, request_id)
            await self.outcomes.complete(Outcome.ALREADY, action, action)
        elif isinstance(found, Incomplete):
            await self.outage.park_unread(action, found.reason)
        else:
            await self.retry_queue.park(action, found, refused=True)
        return False

    def _request_id(self, action: Action) -> str:
        if action.provenance is None:
            return self.default_request_id
        return self.request_ids.get(action.provenance, self.default_request_id)
