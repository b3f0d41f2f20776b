"""Executes a plan one action at a time. A failure of one action stops no other.

The executor reads a person again before each removal or demotion. It stops when the lease is lost, or when Cal.com
refuses the key or does not answer. Such a failure parks no action: see outage.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

import structlog

from calscim.calcom.reader import Reader
from calscim.calcom.writer import CallResult, Writer
from calscim.errors import RemoteKind
from calscim.planner.action_key import key_of
from calscim.planner.actions import (
    AcceptMember,
    Action,
    AddMember,
    AttachUser,
    AttributeOp,
    ChangeAddress,
    ChangeAttribute,
    ChangeOrgRole,
    ChangePreferences,
    ChangeTeamRole,
    CreateTeam,
    CreateUser,
    DeprovisionUser,
    JoinAction,
    Outcome,
    Provenance,
    ReinviteUser,
    Removal,
    RemoveMember,
    State,
    adds_org_member,
)
from calscim.planner.attributes.values import PREFERENCES
from calscim.planner.desired_state import Link
from calscim.planner.ids import CalUserId, TeamId, UserId
from calscim.planner.observed_state import Incomplete, OrgMember, Team, TeamMember
from calscim.planner.people.membership import NOT_ACCEPTED
from calscim.planner.plan import Plan, Waiting
from calscim.planner.roles import Role
from calscim.reconciler.address_changes import AddressExchanges
from calscim.reconciler.attribute_cache import AttributeSync
from calscim.reconciler.deprovisioning import Deprovisioner
from calscim.reconciler.outage import OutageDetector, RemoteUnavailable
from calscim.reconciler.preflight import Preflight
from calscim.reconciler.progress import Progress
from calscim.reconciler.provisioning import Joiner, create_anew, is_deleted
from calscim.reconciler.recorder import Recorder
from calscim.reconciler.retry_queue import PassResult, RetryQueue
from calscim.reconciler.snapshot import UNKNOWN, ObservedCache
from calscim.reconciler.team_creation import TeamCreator

log = structlog.get_logger()

THROTTLED_TRIES = 5
_UNHEARD = (Outcome.UNKNOWN, Outcome.THROTTLED, Outcome.AUTH)
_EXISTS = (
    Outcome.CONFLICT,
    Outcome.ALREADY,
    Outcome.NOT_FOUND,
    Outcome.REFUSED,
)  # answers to an attach


@dataclass(slots=True)
class Executor:
    """Executes the plan of one pass."""

    reader: Reader
    writer: Writer
    view: ObservedCache
    record: Recorder
    preflight: Preflight
    retry_queue: RetryQueue
    request_ids: Mapping[Provenance, str]
    default_request_id: str
    interrupted: Callable[[], bool]
    new_teams: TeamCreator
    progress: Progress
    attribute_sync: AttributeSync
    joiner: Joiner
    deprovisioner: Deprovisioner
    outage: OutageDetector
    exchanges: AddressExchanges
    replan: Callable[[UserId], Awaitable[Sequence[Action]]]  # a person's changes of attributes
    _made: dict[UserId, CalUserId] = field(default_factory=dict)

    @property
    def pass_result(self) -> PassResult:
        return self.retry_queue.pass_result

    async def execute(self, plan: Plan) -> PassResult:
        """Perform the runnable actions in the plan's order. Raise LeaseLost or StoreUnavailable."""
        running = [action for action in plan.actions if action.state is State.RUN]
        queue = deque(self.outage.order_actions(running))
        throttled, of = 0, len(queue)
        while queue:
            await self.progress.come_to(of - len(queue), of)
            if self.interrupted() and not self.exchanges.is_under_way(queue[0]):
                self.pass_result.interrupted = True
                self.pass_result.pending += queue
                break
            action = queue.popleft()
            try:
                outdated = await self._is_outdated(action)
                if isinstance(outdated, Incomplete):
                    await self.outage.park_unread(action, outdated.reason)
                    continue
                if outdated:
                    queue = await self._replanned(action, queue)
                    continue
                again = await self._execute_one(action, queue)
            except RemoteUnavailable as error:
                self.pass_result.unreachable = str(error)
                self.pass_result.unreachable_kind = error.kind
                self.pass_result.pending += [action, *queue]
                break
            if again:
                throttled += 1
                if throttled > THROTTLED_TRIES:
                    self.pass_result.unreachable = "another client uses up Cal.com's rate limit"
                    self.pass_result.unreachable_kind = RemoteKind.THROTTLED
                    self.pass_result.pending += [action, *queue]
                    break
                queue.appendleft(action)
            elif self.outage.has_begun:
                self.pass_result.pending += queue
                break
        await self._close()
        return self.pass_result

    async def _close(self) -> None:
        pass_result = self.pass_result
        gap = await self.outage.close(
            is_known_unreachable=pass_result.interrupted or pass_result.unreachable is not None
        )
        if not pass_result.interrupted:  # else the next pass goes on at once
            pass_result.unreachable = pass_result.unreachable or gap

    async def _execute_one(self, action: Action, upcoming: Iterable[Action]) -> bool:
        """Perform one action; return True if the rate limit stopped it and this pass should retry."""
        if self.retry_queue.is_waiting(action):
            self.pass_result.count(Outcome.PARKED, action)
            return False
        if isinstance(action, CreateTeam):
            return await self._new_team(action)
        if self._awaits_acceptance(action):
            assert action.user is not None, "teams and attributes are those of users"
            self.pass_result.waiting[action.user] = Waiting(action.user, action.email, NOT_ACCEPTED)
            return False
        ready = self._resolve(action)
        if ready is None:
            self.pass_result.count(Outcome.BLOCKED, action)
            return False
        if isinstance(ready, JoinAction):
            prepared = await self._prepared(ready, upcoming)
            if prepared is None:
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
            await self.attribute_sync.record_intent(ready)
        if isinstance(ready, DeprovisionUser):
            return await self._deprovision(ready)
        result = await self.writer.perform(ready, self._request_id(action))
        return await self._settle(ready, result, action if adds_org_member(action) else ready)

    async def _deprovision(self, action: DeprovisionUser) -> bool:
        assert action.cal_user is not None, "a member has an account"
        request_id = self._request_id(action)
        stopped = await self.deprovisioner.leave_teams(action, request_id)
        if stopped is not None:
            return await self._settle(action, stopped)
        before = self.view.memberships_of(action.cal_user)
        person = (self.view.people or {}).get(action.cal_user)
        action = replace(action, teams=tuple(sorted(before)))
        result = await self.writer.perform(action, request_id)
        again = await self._settle(action, result)
        if result.outcome is Outcome.DONE:  # otherwise another program ended the membership
            await self.deprovisioner.learn_traits(action, person, before, request_id)
        return again

    # -------------------------------------------------------------- before the call

    async def _prepared(self, action: JoinAction, upcoming: Iterable[Action]) -> JoinAction | None:
        """Return the action to perform, or None if the person is a member already or could not be looked up."""
        others = (
            other
            for other in upcoming
            if adds_org_member(other) and not self.retry_queue.is_waiting(other)
        )
        prepared = await self.joiner.prepare(action, others, self._request_id(action))
        if isinstance(prepared, JoinAction):
            return prepared
        await self._note_existing_member(action, prepared)
        return None

    async def _note_existing_member(self, action: Action, found: Link | Incomplete) -> None:
        """Record that the person is a member already, or park the action if that could not be read."""
        if isinstance(found, Incomplete):
            await self.outage.park_unread(action, found.reason)
            return
        self._made[found.user] = found.cal_user
        await self.record.link(found)
        self.pass_result.count(Outcome.ALREADY, action)
        await self.record.unpark(key_of(action))

    async def _is_outdated(self, action: Action) -> bool | Incomplete:
        """Return True if the person has other options than the plan was made for; read once a pass."""
        if not isinstance(action, ChangeAttribute) or self.retry_queue.is_waiting(action):
            return False
        if action.change.op is AttributeOp.OPTION:
            return False
        if self._awaits_acceptance(action):
            return False
        account = action.cal_user
        if account is None and action.user is not None:
            account = self._made.get(action.user)
        return account is not None and await self.attribute_sync.is_outdated(account)

    async def _replanned(self, action: Action, queue: deque[Action]) -> deque[Action]:
        """Return the queue with the person's attribute changes planned again, and first."""
        assert action.user is not None, "attributes are those of users"
        rest = [
            one for one in queue if not isinstance(one, ChangeAttribute) or one.user != action.user
        ]
        return deque([*await self.replan(action.user), *rest])

    def _awaits_acceptance(self, action: Action) -> bool:
        """Return True if an earlier action made the person pending: the rest follows the acceptance."""
        if action.user is None or not isinstance(action, AddMember | ChangeAttribute):
            return False
        cal_user = action.cal_user or self._made.get(action.user)
        person = None if cal_user is None else (self.view.people or {}).get(cal_user)
        return person is not None and not person.has_joined

    def _resolve(self, action: Action) -> Action | None:
        """Fill in the account or team that an earlier action created; return None while it does not exist."""
        if not isinstance(action, AddMember | ChangeAttribute):
            return self.exchanges.prepare(action)
        cal_user = action.cal_user
        if cal_user is None and action.user is not None:
            cal_user = self._made.get(action.user)
        if cal_user is None:
            return None
        if isinstance(action, ChangeAttribute):
            ready = replace(action, cal_user=cal_user)
            return self.attribute_sync.prepare(ready, self.view.attributes_of(cal_user))
        team: TeamId | None = action.team
        if action.new_team is not None:
            team = self.new_teams.made.get(action.team)
        return (
            None if team is None else replace(action, cal_user=cal_user, team=team, new_team=None)
        )

    def _request_id(self, action: Action) -> str:
        if action.provenance is None:
            return self.default_request_id
        return self.request_ids.get(action.provenance, self.default_request_id)

    async def _new_team(self, action: CreateTeam) -> bool:
        """Create a team, unless it exists: added by hand, or by a call whose answer was lost."""
        assert action.new_team is not None
        there = await self.new_teams.find(action.new_team)
        if there is None:
            result = await self.writer.perform(action, self._request_id(action))
            if result.outcome is not Outcome.CONFLICT:
                return await self._settle(action, result)
            there = await self.new_teams.find(action.new_team) or Incomplete(
                f"{result.detail}; Cal.com does not show the team yet"
            )
        if isinstance(there, Team):
            await self.new_teams.bind_found(action.team, there, self._request_id(action))
            self.pass_result.count(Outcome.ALREADY, action)
            await self.record.unpark(key_of(action))
        elif isinstance(there, Incomplete):
            await self.outage.park_unread(action, there.reason)
        else:
            await self.retry_queue.park(action, there, refused=True)
        return False

    # -------------------------------------------------------------- after the call

    async def _settle(
        self, action: Action, result: CallResult, planned: Action | None = None
    ) -> bool:
        """Record the result of a call. ``planned``: the plan's version of the action, which is parked."""
        planned = planned or action
        await self._learn(result)
        if is_deleted(action, result):
            return await self._create_anew(action, planned)
        outcome = result.outcome
        if outcome not in _UNHEARD:
            await self.outage.note_answered(planned)
        match outcome:
            case Outcome.DONE | Outcome.ALREADY | Outcome.NOT_FOUND:
                if outcome is Outcome.NOT_FOUND and not _ends_something(action):
                    self.view.invalidate_after(action, gone=True)
                    await self.retry_queue.park(planned, result.detail, refused=True)
                    return False
                await self._done(action, result)
                self.pass_result.count(outcome, action)
                await self.record.unpark(key_of(planned))
            case Outcome.CONFLICT:
                return await self._conflict(action, result, planned)
            case Outcome.NO_PROFILE:
                if action.cal_user is not None:
                    self.view.apply_profile_missing(action.cal_user)
                self.pass_result.count(Outcome.BLOCKED, action)
            case Outcome.REFUSED:
                await self.retry_queue.park(planned, _refusal(action, result), refused=True)
            case Outcome.UNKNOWN:
                self.view.invalidate_after(action, gone=False)
                self.outage.note_unanswered(planned, result.detail, served=result.served)
            case Outcome.THROTTLED:
                self.pass_result.count(Outcome.THROTTLED, action)
                return True
            case Outcome.AUTH:
                raise RemoteUnavailable(result.detail, RemoteKind.AUTH)
            case Outcome.FAILED | Outcome.PARKED | Outcome.BLOCKED:
                raise AssertionError(f"no call comes to {outcome.value}")
            case _:
                assert_never(outcome)
        return False

    async def _learn(self, result: CallResult) -> None:
        """Record what the answer shows about the build."""
        invites = result.invites_by_email
        if invites is not None and invites is not self.view.traits.invites_by_email:
            self.view.traits = replace(self.view.traits, invites_by_email=invites)
            await self.record.learn("invites_by_email", value=invites)

    async def _create_anew(self, action: AttachUser, planned: Action) -> bool:
        """Create the account that was to be attached and does not exist in Cal.com any more."""
        created = create_anew(action)
        result = await self.writer.perform(created, self._request_id(action))
        if result.outcome is Outcome.DONE:  # else it may exist after all
            assert action.cal_user is not None, "an account that is gone had a number"
            await self.record.forget_account(action.cal_user)
        return await self._settle(created, result, planned)

    async def _conflict(self, action: Action, result: CallResult, planned: Action) -> bool:
        """Handle an existing account: attach it by address or id, or find it in the organization."""
        if not isinstance(action, JoinAction) or action.user is None:
            is_attribute = isinstance(action, ChangeAttribute)
            if isinstance(
                action, ChangeAttribute
            ):  # the option was created by another program: the next pass reads it
                self.view.attributes.forget(action.change)
            await self.retry_queue.park(action, _refusal(action, result), refused=not is_attribute)
            return False
        if isinstance(action, CreateUser):
            request_id = self._request_id(action)
            existing = await self.joiner.attach_existing(action, request_id)
            if not isinstance(existing, AttachUser):
                await self._note_existing_member(planned, existing)
                return False
            action, result = existing, await self.writer.perform(existing, request_id)
            await self._learn(result)
            if result.outcome not in _EXISTS:
                return await self._settle(action, result, planned)
        recognised = await self.joiner.recognize(action)
        if recognised is not None:
            await self._note_existing_member(planned, recognised)
        elif result.outcome is Outcome.REFUSED and action.cal_user is not None:
            await self.retry_queue.park(planned, result.detail, refused=True)
        elif result.outcome in (Outcome.NOT_FOUND, Outcome.REFUSED):
            await self.retry_queue.park(
                planned,
                "an account with this address exists outside the organization, this Cal.com does not let it be "
                "attached by address, and calscim does not know its number: invite the person by hand once "
                f"({result.detail})",
                refused=True,
            )
        else:
            await self.retry_queue.park(
                planned, "the account exists, but is not shown in the organization", refused=False
            )
        return False

    async def _done(self, action: Action, result: CallResult) -> None:
        match action:
            case CreateUser() | AttachUser():
                await self._joined(action, result)
            case ReinviteUser():
                self._reinvited(action, result)
            case ChangeAttribute():
                await self._told(action, result)
            case ChangeAddress():
                assert action.cal_user is not None
                self.exchanges.note_done(action)
                self.view.apply_change(action.cal_user, email=action.email)
                await self._preferences(action, action.cal_user, result.detail)
            case ChangePreferences():
                assert action.cal_user is not None
                await self._preferences(action, action.cal_user, result.detail)
            case DeprovisionUser():
                assert action.cal_user is not None
                self.view.apply_left(action.cal_user, action.membership or UNKNOWN)
                await self.record.forget_person(action.cal_user)
                if self.view.traits.clears_teams is not None:  # else `leaving.learn` decides
                    await self.record.left_teams(action.cal_user)
            case CreateTeam():
                assert result.team is not None
                await self.new_teams.bind_created(action, result.team, self._request_id(action))
            case AcceptMember():
                assert action.cal_user is not None
                self.view.apply_acceptance(action.team, action.cal_user)
            case ChangeOrgRole():
                assert action.cal_user is not None
                self.view.apply_change(action.cal_user, role=action.role)
                await self.record.record_org_role(action, action.cal_user)
            case AddMember() | ChangeTeamRole():
                await self._on_team(action, result)
            case RemoveMember():
                assert action.cal_user is not None
                self.view.apply_removal(action.team, action.cal_user, action.membership or UNKNOWN)
                await self.record.forget_membership(action.team, action.cal_user)
                if action.of_bootstrap_owner:
                    await self.record.forget_created_team(action.team)
            case _:
                assert_never(action)

    async def _told(self, action: ChangeAttribute, result: CallResult) -> None:
        change = action.change
        if change.op is AttributeOp.OPTION:
            assert result.option is not None
            self.view.attributes.add_option(change, result.option)
            return
        assert action.cal_user is not None
        held = self.view.attributes_of(action.cal_user) or ()
        self.view.apply_attributes(
            action.cal_user,
            await self.attribute_sync.record_applied(change, result, action.cal_user, held),
        )

    def _reinvited(self, action: ReinviteUser, result: CallResult) -> None:
        assert action.cal_user is not None, "a half-member has an account"
        if result.outcome is Outcome.ALREADY:
            self.view.apply_profile_found(action.membership)
        else:
            self.view.apply_pending(action.cal_user)

    async def _joined(self, action: JoinAction, result: CallResult) -> None:
        cal_user = result.cal_user or action.cal_user
        if cal_user is None or action.user is None:
            self.view.invalidate(None)
            return
        self.view.apply_joined(
            OrgMember(
                membership=result.membership or UNKNOWN,
                user=cal_user,
                email=action.email,
                name=action.name or "",
                username="",
                role=action.role,
                accepted=result.accepted is not False,
                attributes=(),
                has_profile=True if isinstance(action, CreateUser) else action.has_profile or None,
            )
        )
        origin = "created" if isinstance(action, CreateUser) else "attached"
        await self._link(action.user, cal_user, origin, action.email)
        if isinstance(action, CreateUser):
            self.attribute_sync.mark_empty(cal_user)
            await self._preferences(action, cal_user, result.detail)
        if action.role is not Role.MEMBER:
            await self.record.record_org_role(action, cal_user)

    async def _preferences(
        self,
        action: CreateUser | ChangeAddress | ChangePreferences,
        cal_user: CalUserId,
        left_out: str,
    ) -> None:
        """Record the locale and time zone that were sent, since no list shows them."""
        if left_out:
            log.warning(
                "reconcile.preference_refused",
                organization=self.record.organization,
                email=action.email,
                reason=left_out,
            )
        if action.preferences is not None:
            await self.record.record_attributes(
                [(cal_user, PREFERENCES, action.preferences.record)]
            )

    async def _link(self, user: UserId, cal_user: CalUserId, origin: str, email: str) -> None:
        self._made[user] = cal_user
        await self.record.link(Link(user, cal_user, origin, email))

    async def _on_team(self, action: AddMember | ChangeTeamRole, result: CallResult) -> None:
        assert action.cal_user is not None
        before = self.view.teams.get(action.team, {}).get(action.cal_user)
        membership = result.membership or (before.membership if before else UNKNOWN)
        made = isinstance(action, AddMember) and result.outcome is Outcome.DONE
        # A member who was on the team before keeps the role.
        if made or isinstance(action, ChangeTeamRole) or before is None:
            self.view.apply_member(
                action.team, TeamMember(membership, action.cal_user, action.role, accepted=True)
            )
        await self.record.record_membership(action, membership, made=made)
        if isinstance(action, ChangeTeamRole) and action.of_bootstrap_owner:
            await self.record.forget_created_team(action.team)


def _refusal(action: Action, result: CallResult) -> str:
    """Return the detail of a refusal, with what to do about a refused address."""
    if isinstance(action, ChangeAddress) and action.is_interim:
        return (
            f"Cal.com does not take the interim address {action.email} for an exchange of addresses: give one of the "
            f"accounts another address in Cal.com by hand, and the rest follows ({result.detail})"
        )
    if isinstance(action, ChangeAddress) and result.outcome is Outcome.CONFLICT:
        return (
            f"an account outside of the organization has the address {action.email}: change or delete that account "
            f"in Cal.com, or give the person another address in the directory ({result.detail})"
        )
    return result.detail


def _ends_something(action: Action) -> bool:
    """Return True if the action is done when what it changes no longer exists."""
    if isinstance(action, ChangeAttribute):
        return action.change.op is AttributeOp.UNASSIGN
    return isinstance(action, Removal)
