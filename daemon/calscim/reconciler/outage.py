"""Distinguishes an outage of Cal.com from a failure of one action.

A global fault parks no action. If Cal.com does not answer, refuses the key, or limits the rate, or if the
lease or the database is lost, the actions stay in the plan, and the next pass tries them again. An action
that Cal.com did not answer is parked only if Cal.com answers otherwise:

- Cal.com answered a later change of the same pass, or
- Cal.com answers reads and failed with a 500 of its own, or left the action unanswered in three passes in a row, or
  in two if it answered an earlier change of the second pass.

If the cause is only probably the action itself, the parked action is marked as unanswered: it waits at most five
minutes, and the first change that Cal.com answers makes it due. Actions that were not answered are tried
last in the next pass, so that a few people for whom Cal.com always fails do not end each pass early.
"""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field

from calscim.calcom.reader import Reader
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.action_key import ActionKey, key_of
from calscim.planner.actions import Action, ChangeAddress, Outcome
from calscim.reconciler.retry_queue import RetryQueue

GIVE_UP_AFTER = 3  # unanswered calls in a row that count as an outage
STRIKES = 3  # passes in a row in which Cal.com answers reads and leaves an action unanswered


class RemoteUnavailable(Exception):  # noqa: N818 - a state, not an error
    """Cal.com does not answer or refuses the API key, so no other action can succeed now."""

    def __init__(self, reason: str, kind: RemoteKind) -> None:
        self.kind = kind
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class _Unanswered:
    action: Action
    reason: str
    served: bool  # Cal.com itself answered, with a 500


@dataclass(slots=True)
class OutageDetector:
    """The actions that Cal.com did not answer in this pass. ``strikes`` outlive the pass."""

    reader: Reader
    retry_queue: RetryQueue
    strikes: MutableMapping[ActionKey, int]
    _open: list[_Unanswered] = field(
        default_factory=list
    )  # since the last change that was answered
    _has_answered: bool = False

    @property
    def has_begun(self) -> bool:
        """Return True if enough changes in a row were unanswered to count as an outage."""
        return len(self._open) >= GIVE_UP_AFTER

    @property
    def reason(self) -> str:
        """Return the reason of the last unanswered change."""
        return self._open[-1].reason

    def order_actions(self, actions: Sequence[Action]) -> list[Action]:
        """Move people with an action that the last passes left unanswered to the end."""
        people = {key.subject for key in self.strikes}
        late = [action for action in actions if key_of(action).subject in people]
        together = {_exchange(action) for action in late} - {
            ""
        }  # exchanges of addresses stay together
        return sorted(
            actions,
            key=lambda one: key_of(one).subject in people or _exchange(one) in together,
        )

    def note_unanswered(self, action: Action, reason: str, *, served: bool) -> None:
        """Note an unanswered change. ``close`` or the next answer decides about it."""
        self._open.append(_Unanswered(action, reason, served))

    async def note_answered(self, action: Action) -> None:
        """Note that Cal.com answered a change, so earlier unanswered changes failed on their own; park them."""
        self._has_answered = True
        self.strikes.pop(key_of(action), None)
        for one in self._open:
            self.strikes.pop(key_of(one.action), None)
            await self.retry_queue.park(one.action, one.reason, refused=False)
        self._open.clear()
        await self.retry_queue.release()

    async def park_unread(self, action: Action, reason: str) -> None:
        """Park an action because a read before its call failed; raise RemoteUnavailable in an outage."""
        if (gap := await self._probe()) is not None:
            raise RemoteUnavailable(str(gap), gap.kind)
        await self.retry_queue.park(action, reason, refused=False, unanswered=True)

    async def close(self, *, is_known_unreachable: bool) -> str | None:
        """Park or count unanswered actions at the end of the pass; return the reason of an outage, or None."""
        if not self._open:
            return None
        is_there = not is_known_unreachable and await self._probe() is None
        outage = self.reason if self.has_begun else None
        for one in self._open:
            strikes = self.strikes.get(key_of(one.action), 0) + is_there
            if is_there and self._is_own(one, strikes):
                self.strikes.pop(key_of(one.action), None)
                await self.retry_queue.park(one.action, one.reason, refused=False, unanswered=True)
            else:
                self.strikes[key_of(one.action)] = strikes
                self.retry_queue.pass_result.count(Outcome.FAILED, one.action)
                outage = one.reason
        self._open.clear()
        return outage

    def _is_own(self, one: _Unanswered, strikes: int) -> bool:
        if one.served and not self.has_begun:
            return True
        return strikes >= STRIKES or (self._has_answered and strikes > 1)

    async def _probe(self) -> RemoteError | None:
        """Ask Cal.com for the API key's user; return the error of an attempt that failed, or None."""
        try:
            await self.reader.me()
        except RemoteError as error:
            return error
        return None


def _exchange(action: Action) -> str:
    return action.exchange if isinstance(action, ChangeAddress) else ""
