"""The two stages of drift: drift is corrected only after it has lasted for a while.

Removals that the directory asked for are never delayed. The caller that keeps the observations counts only complete
passes, and forgets an action if one of them no longer contains it.
"""

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace

from calscim.planner.action_key import digest
from calscim.planner.actions import Action, State, removes_access
from calscim.planner.plan import Deferred, Plan
from calscim.planner.policy import DriftGrace


@dataclass(frozen=True, slots=True)
class DriftObservation:
    """How many complete passes before this one contained an action, and how long ago the first was."""

    passes: int
    seconds: float


NEVER = DriftObservation(0, 0.0)


def unrequested(plan: Plan) -> dict[str, Action]:
    """Return the removals without a journal row, by digest: observations are kept of these.

    Held and deferred removals count; paused and observe-only ones do not.
    """
    found = {
        digest([action]): action
        for action in plan.actions
        if _is_unasked(action) and action.state in (State.RUN, State.HELD)
    }
    return found | {digest([one.action]): one.action for one in plan.deferred}


def defer_drift(
    plan: Plan,
    observations: MappingOf[str, DriftObservation],
    grace: DriftGrace,
    *,
    counts: bool = True,
    is_preview: bool = False,
) -> Plan:
    """Return the plan with recent drift moved to ``deferred``; a note says how much there is.

    ``counts``: this pass reads everything, so it is one of the passes that drift must last. ``is_preview``: the plan
    shows what the next such pass will do, so the reasons count only the passes before it.
    """
    if not grace.is_active:
        return plan
    early = {id(one.action): one for one in _early(plan, observations, grace, counts, is_preview)}
    if not early:
        return plan
    several = len(early) > 1
    note = (
        f"{len(early)} {'changes' if several else 'change'} that no journal row asks for "
        f"{'wait until they were' if several else 'waits until it was'} seen in {grace.drift_passes} complete passes"
    )
    if grace.drift_grace:
        note += f" and for {grace.drift_grace:g} seconds"
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if id(action) not in early),
        deferred=tuple(early.values()),
        notes=(*plan.notes, note),
    )


def _early(
    plan: Plan,
    observations: MappingOf[str, DriftObservation],
    grace: DriftGrace,
    counts: bool,
    is_preview: bool,
) -> Iterator[Deferred]:
    for action in plan.actions:
        if not _is_unasked(action) or action.state is not State.RUN:
            continue
        observation = observations.get(digest([action]), NEVER)
        passes = observation.passes + counts
        if passes < grace.drift_passes or observation.seconds < grace.drift_grace:
            seen = observation.passes if is_preview else passes
            yield Deferred(action, _reason(action, seen, observation.seconds, grace))


def _reason(action: Action, passes: int, seconds: float, grace: DriftGrace) -> str:
    seen = f"seen in {passes} of {grace.drift_passes} complete passes"
    if grace.drift_grace:
        seen += f" and for {seconds:.0f} of {grace.drift_grace:g} seconds"
    return f"{action.kind.value} that no journal row asks for waits, {seen}: {action.reason}"


def _is_unasked(action: Action) -> bool:
    return action.drift and removes_access(action)
