"""Held sets, and the decisions of operators and of earlier passes about them."""

from dataclasses import dataclass, replace

from calscim.planner.action_key import digest, key_of
from calscim.planner.actions import Action, State
from calscim.planner.context import PlanContext
from calscim.planner.plan import Plan


@dataclass(frozen=True, slots=True)
class HoldSet:
    """A set of actions that one limit holds. Approving ``hash`` releases exactly these actions."""

    hash: str
    guard: str
    actions: tuple[Action, ...]


def held_sets(plan: Plan) -> tuple[HoldSet, ...]:
    """Return the held sets, one for each limit, in the plan's order."""
    sets: dict[str, list[Action]] = {}
    for action in plan.actions:
        if action.state is State.HELD and action.guard is not None:
            sets.setdefault(action.guard, []).append(action)
    return tuple(HoldSet(digest(actions), guard, tuple(actions)) for guard, actions in sets.items())


def plan_hash(plan: Plan) -> str:
    """Return the hash that approves everything that the plan holds; of all actions if it holds none."""
    held = [action for action in plan.actions if action.state is State.HELD]
    return digest(held or plan.actions)


def keep_held(plan: Plan, context: PlanContext) -> Plan:
    """Keep actions held that belong to a larger held set than a plan for some of the people shows."""
    held = context.inputs.held
    if not held:
        return plan

    def keep(action: Action) -> Action:
        guard = held.get(str(key_of(action))) if action.state is State.RUN else None
        return action if guard is None else replace(action, state=State.HELD, guard=guard)

    return replace(plan, actions=tuple(keep(action) for action in plan.actions))


def release_started(plan: Plan, context: PlanContext) -> Plan:
    """Release the rest of an approved set that an earlier pass began."""
    released = context.inputs.released
    if not released:
        return plan

    def release(action: Action) -> Action:
        if action.state is State.HELD and digest([action]) in released:
            return replace(action, state=State.RUN, guard=None, approved=True)
        return action

    return replace(plan, actions=tuple(release(action) for action in plan.actions))
