"""Counts the outcomes of a pass, and parks failed actions until their next try."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from calscim.errors import RemoteKind
from calscim.planner.action_key import ActionKey, key_of, revision
from calscim.planner.actions import Action, ChangeAttribute, Kind, Outcome, TeamAction, team_of
from calscim.planner.backoff import is_due, retry_delay
from calscim.planner.ids import UserId
from calscim.planner.plan import Waiting
from calscim.reconciler.recorder import Recorder
from calscim.reconciler.state import parked_actions
from calscim.reconciler.state.parked_actions import ParkedAction

log = structlog.get_logger()

UNANSWERED_TRIES = 3
_LEFT_UNDONE = (Outcome.PARKED, Outcome.BLOCKED, Outcome.REFUSED, Outcome.FAILED)


@dataclass(slots=True)
class PassResult:
    """The outcomes of a plan's actions."""

    outcomes: Counter[tuple[Kind, Outcome]] = field(default_factory=Counter)  # kind, outcome
    # Planned actions that were not done at the end of the pass.
    pending: list[Action] = field(default_factory=list)
    waiting: dict[UserId, Waiting] = field(
        default_factory=dict
    )  # people who have to accept the invitation
    interrupted: bool = False  # the pass stopped for newer changes
    unreachable: str | None = None  # why no action can succeed now
    unreachable_kind: RemoteKind = RemoteKind.UNREACHABLE  # of ``unreachable``

    def count(self, outcome: Outcome, action: Action) -> None:
        self.outcomes[action.kind, outcome] += 1
        if outcome in _LEFT_UNDONE:
            self.pending.append(action)


@dataclass(slots=True)
class RetryQueue:
    """Parks the failed actions of one pass.

    ``parked``: the actions that earlier passes parked; ``jitter``: at least 0 and below 1.
    """

    record: Recorder
    parked: Mapping[ActionKey, ParkedAction]
    jitter: Callable[[], float]
    pass_result: PassResult = field(default_factory=PassResult)
    _has_unanswered: bool = False  # this pass has parked an unanswered action
    _parked_now: set[ActionKey] = field(default_factory=set)

    def is_waiting(self, action: Action) -> bool:
        """Return True if the action is parked and not due yet."""
        parked = self.parked.get(key_of(action))
        return parked is not None and not is_due(parked.fingerprint, parked.due_in, action)

    async def park(
        self, action: Action, reason: str, *, refused: bool, unanswered: bool = False
    ) -> None:
        """Park an action. ``refused``: Cal.com rejected the call, so an early retry would fail too.

        ``unanswered``: Cal.com may be at fault and not the action, which is due at its next answer. An action that
        goes on failing while Cal.com answers is at fault itself.
        """
        key = key_of(action)
        reason = _about(action) + reason
        earlier = self.parked.get(key)
        attempts = 1 + (earlier.attempts if earlier else 0)
        if earlier is not None and not earlier.unanswered and attempts > UNANSWERED_TRIES:
            unanswered = False
        seconds = retry_delay(
            attempts, refused=refused, jitter=self.jitter(), unanswered=unanswered
        )
        self._has_unanswered |= unanswered
        self._parked_now.add(key)
        await parked_actions.park(
            self.record.db,
            self.record.organization,
            key,
            email=action.email,
            reason=reason,
            refused=refused,
            fingerprint=revision(action),
            attempts=attempts,
            wait=seconds,
            unanswered=unanswered,
        )
        self.pass_result.count(Outcome.REFUSED if refused else Outcome.FAILED, action)
        log.warning(
            "reconcile.parked",
            organization=self.record.organization,
            kind=action.kind.value,
            email=action.email,
            team_id=team_of(action),
            reason=reason,
            next_try_seconds=round(seconds),
        )

    async def unpark(self, action: Action) -> None:
        """Unpark an action that is done, if it was parked."""
        key = key_of(action)
        if key in self.parked or key in self._parked_now:
            await self.record.unpark([key])

    async def release(self) -> None:
        """Make all unanswered actions due."""
        if not self._has_unanswered and not any(one.unanswered for one in self.parked.values()):
            return
        await self.record.release_unanswered()
        self._has_unanswered = False
        self.parked = {
            key: replace(one, due_in=0.0, unanswered=False) if one.unanswered else one
            for key, one in self.parked.items()
        }


def _about(action: Action) -> str:
    """Name the new team or the attribute that an action is about."""
    if isinstance(action, TeamAction) and action.new_team is not None:
        return f"the team {action.new_team}: "
    if isinstance(action, ChangeAttribute):
        return f"the attribute {action.change.attribute.name}: "
    return ""
