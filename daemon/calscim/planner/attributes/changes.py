"""The effect of one call on the values of a person's attribute."""

from collections.abc import Sequence

from calscim.planner.actions import AttributeChange, AttributeOp
from calscim.planner.attributes.values import encode_values, normalize
from calscim.planner.observed_state import AttributeType, AttributeValue


def apply_change(
    held: Sequence[AttributeValue], change: AttributeChange, option: str
) -> tuple[AttributeValue, ...]:
    """Return the attribute values of a person after a call."""
    rest = [one for one in held if (one.attribute, one.option) != (change.attribute.id, option)]
    if change.op is AttributeOp.ASSIGN:
        rest.append(AttributeValue(change.attribute.id, option, change.value))
    return tuple(sorted(rest))


def has_target_value(held: Sequence[AttributeValue], change: AttributeChange) -> bool:
    """Return True if the attribute has its target value."""
    kind = change.attribute.type
    has = (one.value for one in held if one.attribute == change.attribute.id)
    return encode_values(tuple(normalize(kind, value) or value for value in has)) == change.target


def must_unassign_first(held: Sequence[AttributeValue], change: AttributeChange) -> bool:
    """Return True if another value must be removed first, because the attribute takes only one."""
    return (
        change.op is AttributeOp.ASSIGN
        and change.attribute.type is not AttributeType.MULTI_SELECT
        and any(one.attribute == change.attribute.id for one in held)
    )
