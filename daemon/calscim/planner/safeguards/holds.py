"""Apply the decisions of earlier passes about held sets to a plan."""

from collections.abc import Mapping
from dataclasses import replace

from calscim.planner.action_key import digest, key_of
from calscim.planner.actions import Action, State
from calscim.planner.plan import Plan


def keep_held(plan: Plan, held: Mapping[str, str]) -> Plan:
    """Keep actions held that belong to a larger held set than a plan for some of the people shows.

    ``held``: the limit that holds an action, by the action's key.
    """
    if not held:
        return plan

    def keep(action: Action) -> Action:
        guard = held.get(str(key_of(action))) if action.state is State.RUN else None
        return action if guard is None else replace(action, state=State.HELD, guard=guard)

    return replace(plan, actions=tuple(keep(action) for action in plan.actions))


def release_started(plan: Plan, released: frozenset[str]) -> Plan:
    """Release the rest of an approved set that an earlier pass began. ``released``: digests of its actions."""
    if not released:
        return plan

    def release(action: Action) -> Action:
        if action.state is State.HELD and digest([action]) in released:
            return replace(action, state=State.RUN, guard=None, approved=True)
        return action

    return replace(plan, actions=tuple(release(action) for action in plan.actions))
