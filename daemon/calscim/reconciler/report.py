"""The report of a pass, for the schedule, the log, and ``calscim status``."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from calscim.errors import RemoteKind
from calscim.planner.actions import Action, Kind, Outcome, State
from calscim.planner.ids import TeamId
from calscim.planner.plan import Plan
from calscim.planner.render import count_held, limits_json, person_of, waiting_json
from calscim.planner.safeguards.windows import Window
from calscim.reconciler.retry_queue import PassResult
from calscim.reconciler.state.holds import Hold

log = structlog.get_logger()

LISTED = 500  # waiting entries that a stored report lists

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
    """The report of a pass. ``complete``: the pass read everything that it needed."""

    scope: str
    complete: bool
    again: bool  # a retry may read what this pass could not
    unread: tuple[str, ...]  # a sentence for each object that the pass could not read
    in_sync: bool
    unreachable: str | None
    unreachable_kind: RemoteKind
    interrupted: bool
    pending: int
    held: int
    parked: int
    seconds: float
    window_left: float | None  # seconds until the open maintenance window ends
    drift: Counter[str]  # missing, surplus, role
    outcomes: Counter[tuple[Kind, Outcome]]


def build_report(
    scope: str,
    planned: Plan,
    pass_result: PassResult,
    *,
    readable: bool,
    parked: int,
    seconds: float,
    window_left: float | None,
    lost: str | None = None,
) -> Report:
    """Return the report of a pass. ``readable``: what could not be read may be when it is tried again.

    ``lost``: why attributes that were read before could not be read; they are left as they are meanwhile.
    """
    held = sum(action.state is State.HELD for action in planned.actions)
    complete = not planned.incomplete and pass_result.unreachable is None
    return Report(
        scope=scope,
        complete=complete,
        again=lost is not None
        or (not complete and (pass_result.unreachable is not None or readable)),
        unread=(*planned.incomplete, *(() if lost is None else (lost,))),
        in_sync=complete and not pass_result.pending and not held and not planned.deferred,
        unreachable=pass_result.unreachable,
        unreachable_kind=pass_result.unreachable_kind,
        interrupted=pass_result.interrupted,
        pending=len(pass_result.pending),
        held=held,
        parked=parked,
        seconds=seconds,
        window_left=window_left,
        drift=Counter(_DIRECTION[action.kind] for action in drift(planned)),
        outcomes=pass_result.outcomes,
    )


def report_json(
    planned: Plan, done: Report, seconds_left: float, team_names: Mapping[TeamId, str]
) -> dict[str, Any]:
    """Return the stored form of a report. ``seconds_left``: how long the pending calls will take."""
    return {
        "hash": planned.hash,
        "actions": _shown(done),
        "pending": done.pending,
        "held": done.held,
        "held_counts": count_held(planned),
        "unreachable": done.unreachable,
        "unreachable_kind": None if done.unreachable is None else done.unreachable_kind.value,
        "interrupted": done.interrupted,
        "incomplete": list(planned.incomplete),
        "waiting": waiting_json(planned)[:LISTED],
        "waiting_total": _waiting(planned),
        "deferred": len(planned.deferred),
        "limits": limits_json(planned.limits, team_names),
        "seconds_left": round(seconds_left),
    }


@dataclass(slots=True)
class PassLog:
    """Logs each pass of an organization as one line.

    Passes that are tried again every few seconds and still cannot read the same lists have a line at level debug.
    """

    _incomplete: tuple[str, ...] = ()

    def write(
        self, organization: str, pass_id: int, planned: Plan, done: Report, window: Window | None
    ) -> None:
        """Log a pass."""
        unread = (*sorted(one.partition(": ")[0] for one in planned.incomplete), done.scope)
        is_repeated = not done.complete and not done.outcomes and unread == self._incomplete
        self._incomplete = () if done.complete else unread
        say = log.debug if is_repeated else log.info
        say(
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
            **_said(
                incomplete=list(planned.incomplete),
                unreachable=done.unreachable,
                interrupted=done.interrupted,
            ),
            **_said(window=window.text if window else None),
        )


def log_held(organization: str, unannounced: Iterable[Hold]) -> None:
    """Log an alert for each new hold."""
    for held in unannounced:
        log.warning(
            "reconcile.held",
            organization=organization,
            hash=held.hash,
            guard=held.guard,
            actions=len(held.actions),
            people=sorted({person_of(action) for action in held.actions})[:20],
            then=f"calscim approve {held.hash}",
        )


def drift(planned: Plan) -> Iterator[Action]:
    """Yield the actions that correct drift, deferred ones included."""
    yield from (action for action in planned.actions if action.drift)
    yield from (one.action for one in planned.deferred)


def _waiting(planned: Plan) -> int:
    return len(planned.waiting) + len(planned.deferred)


def _shown(done: Report) -> dict[str, int]:
    found = {
        f"{kind.value} {outcome.value}": count for (kind, outcome), count in done.outcomes.items()
    }
    return dict(sorted(found.items()))


def _said(**details: Any) -> dict[str, Any]:
    return {name: detail for name, detail in details.items() if detail}
