"""Decides what follows from the outcome of a call: a record, a parked action, or another call."""

from dataclasses import dataclass, replace
from typing import assert_never

from calscim.calcom.writer import CallResult, Writer
from calscim.errors import RemoteKind
from calscim.planner.actions import (
    Action,
    AttachUser,
    AttributeOp,
    ChangeAddress,
    ChangeAttribute,
    CreateUser,
    JoinAction,
    Outcome,
    Removal,
)
from calscim.planner.desired_state import Link
from calscim.planner.observed_state import Incomplete
from calscim.reconciler.action_effects import EffectRecorder
from calscim.reconciler.observed_cache import ObservedCache
from calscim.reconciler.outage import OutageDetector, RemoteUnavailable
from calscim.reconciler.provisioning import Joiner, create_anew, is_deleted
from calscim.reconciler.recorder import Recorder
from calscim.reconciler.retry_queue import RetryQueue

_UNANSWERED = (Outcome.UNKNOWN, Outcome.THROTTLED, Outcome.AUTH)
# The answers to an attach that may mean that the person is a member already.
_EXISTS = (Outcome.CONFLICT, Outcome.ALREADY, Outcome.NOT_FOUND, Outcome.REFUSED)


@dataclass(frozen=True, slots=True)
class OutcomeHandler:
    """Handles the outcomes of the calls of one pass.

    ``planned`` is the action as the plan has it, under whose key a failure is parked. The action that was called may
    differ from it.
    """

    writer: Writer
    view: ObservedCache
    record: Recorder
    retry_queue: RetryQueue
    joiner: Joiner
    outage: OutageDetector
    effects: EffectRecorder

    async def call(self, action: Action, planned: Action, request_id: str) -> bool:
        """Make the call of an action and handle its outcome; return True if the pass should try it again."""
        result = await self.writer.perform(action, request_id)
        return await self.handle(action, result, planned, request_id)

    async def handle(
        self, action: Action, result: CallResult, planned: Action, request_id: str
    ) -> bool:
        """Record the result of a call; return True if the rate limit stopped it, so the pass should try it again."""
        await self._learn(result)
        if is_deleted(action, result):
            return await self._create_anew(action, planned, request_id)
        outcome = result.outcome
        if outcome not in _UNANSWERED:
            await self.outage.note_answered(planned)
        match outcome:
            case Outcome.NOT_FOUND if not _ends_something(action):
                self.view.invalidate_after(action, gone=True)
                await self.retry_queue.park(planned, result.detail, refused=True)
            case Outcome.DONE | Outcome.ALREADY | Outcome.NOT_FOUND:
                await self.effects.record_effect(action, result, request_id)
                await self.complete(outcome, action, planned)
            case Outcome.CONFLICT:
                return await self._conflict(action, result, planned, request_id)
            case Outcome.NO_PROFILE:
                if action.cal_user is not None:
                    self.view.apply_profile_missing(action.cal_user)
                self.retry_queue.pass_result.count(Outcome.BLOCKED, action)
            case Outcome.REFUSED:
                await self.retry_queue.park(planned, _refusal(action, result), refused=True)
            case Outcome.UNKNOWN:
                self.view.invalidate_after(action, gone=False)
                self.outage.note_unanswered(planned, result.detail, served=result.served)
            case Outcome.THROTTLED:
                self.retry_queue.pass_result.count(Outcome.THROTTLED, action)
                return True
            case Outcome.AUTH:
                raise RemoteUnavailable(result.detail, RemoteKind.AUTH)
            case Outcome.FAILED | Outcome.PARKED | Outcome.BLOCKED:
                raise AssertionError(f"no call has the outcome {outcome.value}")
            case _:
                assert_never(outcome)
        return False

    async def complete(self, outcome: Outcome, action: Action, planned: Action) -> None:
        """Count an action whose target Cal.com has, and unpark it."""
        self.retry_queue.pass_result.count(outcome, action)
        await self.retry_queue.unpark(planned)

    async def note_existing_member(self, planned: Action, found: Link | Incomplete) -> None:
        """Record that the person is a member already, or park the action if that could not be read."""
        if isinstance(found, Incomplete):
            await self.outage.park_unread(planned, found.reason)
            return
        await self.effects.record_link(found)
        await self.complete(Outcome.ALREADY, planned, planned)

    async def _learn(self, result: CallResult) -> None:
        """Record what the answer shows about the build."""
        invites = result.invites_by_email
        if invites is not None and invites is not self.view.traits.invites_by_email:
            self.view.traits = replace(self.view.traits, invites_by_email=invites)
            await self.record.learn("invites_by_email", value=invites)

    async def _create_anew(self, action: AttachUser, planned: Action, request_id: str) -> bool:
        """Create an account instead of the one to attach, which Cal.com no longer has."""
        created = create_anew(action)
        result = await self.writer.perform(created, request_id)
        if result.outcome is Outcome.DONE:  # else it may exist after all
            assert action.cal_user is not None, "a deleted account had an id"
            await self.record.forget_account(action.cal_user)
        return await self.handle(created, result, planned, request_id)

    async def _conflict(
        self, action: Action, result: CallResult, planned: Action, request_id: str
    ) -> bool:
        """Handle an existing account: attach it by address or id, or find it in the organization."""
        if not isinstance(action, JoinAction) or action.user is None:
            is_attribute = isinstance(action, ChangeAttribute)
            if isinstance(action, ChangeAttribute):  # another program created the option
                self.view.attributes.forget(action.change)
            await self.retry_queue.park(action, _refusal(action, result), refused=not is_attribute)
            return False
        if isinstance(action, CreateUser):
            existing = await self.joiner.attach_existing(action, request_id)
            if not isinstance(existing, AttachUser):
                await self.note_existing_member(planned, existing)
                return False
            action, result = existing, await self.writer.perform(existing, request_id)
            await self._learn(result)
            if result.outcome not in _EXISTS:
                return await self.handle(action, result, planned, request_id)
        member = await self.joiner.recognize(action)
        if member is not None:
            await self.note_existing_member(planned, member)
        else:
            await self._park_unattached(action, result, planned)
        return False

    async def _park_unattached(
        self, action: JoinAction, result: CallResult, planned: Action
    ) -> None:
        """Park an action whose account exists, is no member, and could not be attached."""
        refused = result.outcome in (Outcome.NOT_FOUND, Outcome.REFUSED)
        if not refused:
            reason = "the account exists, but is not shown in the organization"
        elif result.outcome is Outcome.REFUSED and action.cal_user is not None:
            reason = result.detail
        else:
            reason = (
                "an account with this address exists outside the organization. This Cal.com attaches accounts only by "
                "id, which calscim does not know: invite the person by hand once "
                f"({result.detail})"
            )
        await self.retry_queue.park(planned, reason, refused=refused)


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
