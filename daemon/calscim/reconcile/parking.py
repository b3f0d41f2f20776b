"""What did not succeed in a pass: counted, and put aside with its reason until it is due again."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from calscim.core.model import Action, UserId, Waiting
from calscim.core.retry import due, fingerprint, wait
from calscim.reconcile.record import Recorder
from calscim.store.parked import Key, Parked

log = structlog.get_logger()


@dataclass(slots=True)
class Tally:
    """What became of a plan's actions."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # kind, outcome
    # Wanted, and not done by the end of the pass.
    pending: list[Action] = field(default_factory=list)
    waiting: dict[UserId, Waiting] = field(default_factory=dict)  # for their own acceptance
    interrupted: bool = False  # fresh news came before the end
    away: str | None = None

    def count(self, outcome: str, action: Action) -> None:
        self.outcomes[action.kind.value, outcome] += 1
        if outcome in ("parked", "blocked", "refused", "failed"):
            self.pending.append(action)


@dataclass(slots=True)
class Parking:
    """``parked``: what earlier passes put aside; ``jitter``: at least 0 and below 1."""

    record: Recorder
    parked: Mapping[Key, Parked]
    jitter: Callable[[], float]
    tally: Tally = field(default_factory=Tally)

    def is_early(self, action: Action) -> bool:
        """Whether it was put aside and is not due yet."""
        parked = self.parked.get(key_of(action))
        return parked is not None and not due(parked.fingerprint, parked.due_in, action)

    async def park(self, action: Action, reason: str, *, refused: bool) -> None:
        """``refused``: flatly, so that soon again will be the same."""
        key = key_of(action)
        reason = _about(action) + reason
        earlier = self.parked.get(key)
        attempts = 1 + (earlier.attempts if earlier else 0)
        seconds = wait(attempts, refused=refused, jitter=self.jitter())
        await self.record.park(
            key,
            action,
            reason,
            refused=refused,
            attempts=attempts,
            seconds=seconds,
            mark=fingerprint(action),
        )
        self.tally.count("refused" if refused else "failed", action)
        log.warning(
            "reconcile.parked",
            kind=action.kind.value,
            email=action.email,
            team_id=action.team,
            reason=reason,
            next_try_seconds=round(seconds),
        )


def key_of(action: Action) -> Key:
    """What is parked is one action on one person: a changed action replaces it."""
    subject = action.user or str(action.cal_user or 0)
    return Key(_name_of(action), subject, action.team or 0)


def _about(action: Action) -> str:
    """What neither kind, person nor team says."""
    if action.new_team is not None:
        return f"the team {action.new_team}: "
    return "" if action.change is None else f"the attribute {action.change.attribute.name}: "


def _name_of(action: Action) -> str:
    """The kind; of an attribute with what is done, as one person may have several things done."""
    change = action.change
    if change is None:
        return action.kind.value
    value = hashlib.sha256(change.value.encode()).hexdigest()[:12]
    return f"{action.kind.value}/{change.step.value}/{change.attribute.id}/{value}"
