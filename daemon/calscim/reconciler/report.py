"""What a pass came to, for those who ask: the loop, the log, the row that ``calscim status`` reads."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from calscim.planner.actions import Action, Kind, Outcome, State
from calscim.planner.ids import TeamId
from calscim.planner.plan import Plan
from calscim.planner.render import held_of, limits_json, waiting_json, who
from calscim.planner.safeguards.windows import Window
from calscim.reconciler.retry_queue import PassResult
from calscim.reconciler.state.holds import Hold

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
    again: bool  # something was not read, and may be if tried again soon
    unread: tuple[str, ...]  # what was not read, one sentence each
    in_sync: bool
    away: str | None
    interrupted: bool
    pending: int
    held: int
    parked: int
    seconds: float
    window_left: float | None  # seconds, in a maintenance window: nothing was changed
    drift: Counter[str]  # missing, surplus, role
    outcomes: Counter[tuple[Kind, Outcome]]


def concluded(
    scope: str,
    planned: Plan,
    tally: PassResult,
    *,
    readable: bool,
    parked: int,
    seconds: float,
    window_left: float | None,
    lost: str | None = None,
) -> Report:
    """``readable``: what could not be read may be when it is tried again.

    ``lost``: why attributes that were read before could not be read; they are left as they are meanwhile.
    """
    held = sum(action.state is State.HELD for action in planned.actions)
    complete = not planned.incomplete and tally.away is None
    return Report(
        scope=scope,
        complete=complete,
        again=lost is not None or (not complete and (tally.away is not None or readable)),
        unread=(*planned.incomplete, *(() if lost is None else (lost,))),
        in_sync=complete and not tally.pending and not held and not planned.unsettled,
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


def stored(
    planned: Plan, done: Report, seconds_left: float, team_names: Mapping[TeamId, str]
) -> dict[str, Any]:
    """As the row of the pass keeps it. ``seconds_left``: what the calls that are pending will take."""
    return {
        "hash": planned.hash,
        "actions": _shown(done),
        "pending": done.pending,
        "held": done.held,
        "held_counts": held_of(planned),
        "away": done.away,
        "interrupted": done.interrupted,
        "incomplete": list(planned.incomplete),
        "waiting": waiting_json(planned)[:LISTED],
        "waiting_total": _waiting(planned),
        "unsettled": len(planned.unsettled),
        "limits": limits_json(planned.limits, team_names),
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
        in_sync=done.in_sync,
        complete=done.complete,
        held=done.held,
        pending=done.pending,
        waiting=_waiting(planned),
        **_said(actions=_shown(done)),
        **_said(incomplete=list(planned.incomplete), away=done.away, cut=done.interrupted),
        **_said(window=window.text if window else None),
    )


def log_held(organization: str, unannounced: Iterable[Hold]) -> None:
    """A new hold is one alert; the same hold in later passes is none."""
    for held in unannounced:
        log.warning(
            "reconcile.held",
            organization=organization,
            hash=held.hash,
            guard=held.guard,
            actions=len(held.actions),
            people=sorted({who(action) for action in held.actions})[:20],
            then=f"calscim approve {held.hash}",
        )


def drift(planned: Plan) -> Iterator[Action]:
    """What no push explains, also where it has to last before it is corrected."""
    yield from (action for action in planned.actions if action.drift)
    yield from (one.action for one in planned.unsettled)


def _waiting(planned: Plan) -> int:
    return len(planned.waiting) + len(planned.unsettled)


def _shown(done: Report) -> dict[str, int]:
    found = {
        f"{kind.value} {outcome.value}": count for (kind, outcome), count in done.outcomes.items()
    }
    return dict(sorted(found.items()))


def _said(**details: Any) -> dict[str, Any]:
    return {name: detail for name, detail in details.items() if detail}
