"""What a pass came to, for those who ask: the loop, the log, the row that ``calscim status`` reads."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog

from calscim.core.guards import Held
from calscim.core.model import Action, Kind, Plan, State
from calscim.core.render import waiting_json
from calscim.core.windows import Window
from calscim.reconcile.parking import Tally

log = structlog.get_logger()

LISTED = 500  # of those who wait, in the stored report

_DIRECTION = {
    Kind.DEPROVISION: "surplus",
    Kind.REMOVE: "surplus",
    Kind.ROLE: "role",
    Kind.UPDATE: "role",
    Kind.CREATE: "missing",
    Kind.TEAM: "missing",
    Kind.ATTACH: "missing",
    Kind.ADD: "missing",
    Kind.ACCEPT: "missing",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass came to. ``complete``: everything it set out to read was read."""

    scope: str
    complete: bool
    again: bool  # it is not, and may be if tried again soon
    in_step: bool
    away: str | None
    interrupted: bool
    pending: int
    held: int
    parked: int
    seconds: float
    window_left: float | None  # seconds, in a maintenance window: nothing was changed
    drift: Counter[str]  # missing, surplus, role
    outcomes: Counter[tuple[str, str]]  # kind, outcome


def concluded(
    scope: str,
    planned: Plan,
    tally: Tally,
    *,
    readable: bool,
    parked: int,
    seconds: float,
    window_left: float | None,
) -> Report:
    """``readable``: what could not be read may be when it is tried again."""
    held = sum(action.state is State.HELD for action in planned.actions)
    complete = not planned.incomplete and tally.away is None
    return Report(
        scope=scope,
        complete=complete,
        again=not complete and (tally.away is not None or readable),
        in_step=complete and not tally.pending and not held and not planned.unsettled,
        away=tally.away,
        interrupted=tally.interrupted,
        pending=len(tally.pending),
        held=held,
        parked=parked,
        seconds=seconds,
        window_left=window_left,
        drift=Counter(_DIRECTION[action.kind] for action in drift(planned)),
        outcomes=tally.outcomes,
    )


def stored(planned: Plan, done: Report, seconds_left: float) -> dict[str, Any]:
    """As the row of the pass keeps it. ``seconds_left``: what the calls that are pending will take."""
    return {
        "hash": planned.hash,
        "actions": _shown(done),
        "pending": done.pending,
        "held": done.held,
        "away": done.away,
        "interrupted": done.interrupted,
        "incomplete": list(planned.incomplete),
        "waiting": waiting_json(planned)[:LISTED],
        "waiting_total": _waiting(planned),
        "unsettled": len(planned.unsettled),
        "seconds_left": round(seconds_left),
    }


def log_pass(
    organization: str, pass_id: int, planned: Plan, done: Report, window: Window | None
) -> None:
    """One line a pass."""
    log.info(
        "reconcile.pass",
        organization=organization,
        pass_id=pass_id,
        scope=done.scope,
        seconds=done.seconds,
        in_step=done.in_step,
        complete=done.complete,
        held=done.held,
        pending=done.pending,
        waiting=_waiting(planned),
        **_said(actions=_shown(done)),
        **_said(incomplete=list(planned.incomplete), away=done.away, cut=done.interrupted),
        **_said(window=window.text if window else None),
    )


def log_held(organization: str, fresh: Iterable[Held]) -> None:
    """A new hold is one alert; the same hold in later passes is none."""
    for held in fresh:
        log.warning(
            "reconcile.held",
            organization=organization,
            hash=held.hash,
            guard=held.guard,
            actions=len(held.actions),
            people=sorted({action.email for action in held.actions})[:20],
            then=f"calscim approve {held.hash}",
        )


def drift(planned: Plan) -> Iterator[Action]:
    """What no push explains, also where it has to last before it is corrected."""
    yield from (action for action in planned.actions if action.drift)
    yield from (one.action for one in planned.unsettled)


def _waiting(planned: Plan) -> int:
    return len(planned.waiting) + len(planned.unsettled)


def _shown(done: Report) -> dict[str, int]:
    return {f"{kind} {outcome}": count for (kind, outcome), count in sorted(done.outcomes.items())}


def _said(**details: Any) -> dict[str, Any]:
    return {name: detail for name, detail in details.items() if detail}
