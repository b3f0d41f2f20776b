"""Short lines for the actions and the waiting people of a plan."""

from calscim.planner.actions import (
    Action,
    ChangeAttribute,
    State,
    role_of,
    team_of,
)
from calscim.planner.plan import Plan


def show(plan: Plan) -> list[str]:
    """Return the plan in short lines: kind, person, team, role, drift, and state."""
    return [line(action) for action in plan.actions]


def line(action: Action) -> str:
    words = [action.kind.value, action.email.removesuffix("@acme.com")]
    if (team := team_of(action)) is not None:
        words.append(f"T{team}")
    if (role := role_of(action)) is not None:
        words.append(role.value)
    if isinstance(action, ChangeAttribute):
        change = action.change
        words += [change.op.value, change.attribute.name, change.value]
    if action.drift:
        words.append("drift")
    if action.state is not State.RUN:
        words.append(f"[{action.state.value}]")
    return " ".join(words)


def waits(plan: Plan) -> dict[str, str]:
    return {one.email.removesuffix("@acme.com"): one.reason for one in plan.waiting}
