"""The one order in which plans are shown, compared, and carried out."""

from dataclasses import replace

from calscim.names import address_key
from calscim.planner.actions import (
    Action,
    AttributeOp,
    ChangeAddress,
    ChangeAttribute,
    Kind,
    team_of,
)
from calscim.planner.context import PlanContext
from calscim.planner.plan import Plan, Waiting

_ORDER = {kind: number for number, kind in enumerate(Kind)}
_LAST = len(_ORDER)
_OPS = {op: number for number, op in enumerate(AttributeOp)}


def sort_plan(plan: Plan, _: PlanContext) -> Plan:
    """Put everything in the plan in canonical order."""
    return replace(
        plan,
        actions=tuple(sorted(plan.actions, key=sort_key)),
        waiting=tuple(sorted(plan.waiting, key=_place)),
        applied_attributes=tuple(sorted(plan.applied_attributes)),
        notes=tuple(sorted(plan.notes)),
    )


def sort_key(action: Action) -> tuple[int, bool, int, str, int, str, str, int, str]:
    """Return the key of the canonical order: by kind, drift last, then by team, address, and ids.

    Attributes come after everything else: memberships matter more. Changes of addresses that make room for each other
    stand together, in their turn; an account that leaves on an interim address gets its own one before.
    """
    kind = _ORDER[action.kind]
    together, turn, attribute = "", 0, ""
    if isinstance(action, ChangeAttribute):
        change = action.change
        kind = _LAST + _OPS[change.op]
        attribute = f"{change.attribute.slug} {change.value}"
    elif isinstance(action, ChangeAddress):
        together, turn = action.exchange, action.turn
        kind = kind if turn >= 0 else -1
    return (
        kind,
        action.kind is Kind.REMOVE and action.drift,
        team_of(action) or 0,
        together or address_key(action.email),
        turn,
        address_key(action.email),
        action.user or "",
        action.cal_user or 0,
        attribute,
    )


def _place(waiting: Waiting) -> tuple[str, str, str]:
    """Return the sort key of a waiting person: by address, without one by userName, then by id."""
    return waiting.email, waiting.user_name, waiting.user
