"""Drift grace: calscim corrects drift only after it has lasted for a while.

Removals that the directory asked for are never delayed. The caller that keeps the observations counts only complete
passes, and forgets an action if one of them no longer contains it.
"""

from dataclasses import replace

from calscim.planner.action_key import digest
from calscim.planner.actions import Action, State, removes_access
from calscim.planner.context import PlanContext, PlanInputs
from calscim.planner.plan import Deferred, DriftObservation, Plan

NEVER_SEEN = DriftObservation(0, 0.0)


def unrequested(plan: Plan) -> dict[str, Action]:
    """Return the removals without a journal row, by digest: observations are kept of these.

    Held and deferred removals count; paused and observe-only ones do not.
    """
    found = {
        digest([action]): action
        for action in plan.actions
        if _is_unrequested(action) and action.state in (State.RUN, State.HELD)
    }
    return found | {digest([one.action]): one.action for one in plan.deferred}


def defer_drift(plan: Plan, context: PlanContext) -> Plan:
    """Move recent drift from the actions to ``deferred``; a note says how much there is."""
    inputs, grace = context.inputs, context.inputs.grace
    deferred = [one for action in plan.actions if (one := _defer(action, inputs)) is not None]
    if not deferred:
        return plan
    waits = "changes are drift and wait" if len(deferred) > 1 else "change is drift and waits"
    note = f"{len(deferred)} {waits} until seen in {grace.drift_passes} complete passes"
    if grace.drift_grace:
        note += f" and for {grace.drift_grace:g} seconds"
    early = {id(one.action) for one in deferred}
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if id(action) not in early),
        deferred=tuple(deferred),
        notes=(*plan.notes, note),
    )


def _defer(action: Action, inputs: PlanInputs) -> Deferred | None:
    """Return the action as deferred if it is drift that has not lasted long enough, else None.

    A full pass is one of the passes that drift must last; the reason in a preview counts only the passes before it.
    """
    grace = inputs.grace
    if not grace.is_active or action.state is not State.RUN or not _is_unrequested(action):
        return None
    before = inputs.drift.get(digest([action]), NEVER_SEEN)
    passes = before.passes + inputs.is_full
    if passes >= grace.drift_passes and before.seconds >= grace.drift_grace:
        return None
    counted = before.passes if inputs.is_preview else passes
    seen = f"seen in {counted} of {grace.drift_passes} complete passes"
    if grace.drift_grace:
        seen += f" and for {before.seconds:.0f} of {grace.drift_grace:g} seconds"
    kind = action.kind.value
    return Deferred(action, f"{kind} is drift and waits, {seen}: {action.reason}")


def _is_unrequested(action: Action) -> bool:
    return action.drift and removes_access(action)
