"""A person's attributes, desired and observed, as ``calscim explain`` shows them."""

from collections.abc import Mapping

from calscim.admin.explain.explanation import AttributeExplanation
from calscim.admin.explain.reasons import until
from calscim.planner.action_key import ActionKey, key_of
from calscim.planner.actions import ChangeAttribute
from calscim.planner.attributes.table import find_attribute
from calscim.planner.attributes.values import normalize, read_values
from calscim.planner.desired_state import User
from calscim.planner.ids import CalUserId
from calscim.planner.observed_state import Attribute, AttributeType, Complete, ObservedState
from calscim.planner.plan import Plan
from calscim.planner.policy import AttributeRule, Policy
from calscim.reconciler.state.parked_actions import ParkedAction


def explain_attributes(
    policy: Policy,
    observed: ObservedState,
    planned: Plan,
    user: User | None,
    cal_user: CalUserId | None,
    parked: Mapping[ActionKey, ParkedAction],
) -> tuple[AttributeExplanation, ...]:
    """Return one entry for each configured attribute."""
    known = observed.attributes.value if isinstance(observed.attributes, Complete) else ()
    entries = []
    for rule in policy.attributes:
        found = find_attribute(known, rule.to)
        attribute = None if isinstance(found, str) else found
        wanted = () if user is None else _wanted(rule, attribute, user)
        entries.append(
            AttributeExplanation(
                attribute=rule.to,
                source=rule.source.text,
                desired=wanted,
                observed=None if attribute is None else _has(observed, attribute, cal_user),
                because=_because(planned, found, user, cal_user, wanted, parked),
            )
        )
    return tuple(entries)


def _wanted(rule: AttributeRule, attribute: Attribute | None, user: User) -> tuple[str, ...]:
    given = read_values(rule.source, user.data)
    if attribute is None:
        return given
    if attribute.type is not AttributeType.MULTI_SELECT:
        given = given[:1]
    return tuple(normalize(attribute.type, value) or value for value in given)


def _has(
    observed: ObservedState, attribute: Attribute, cal_user: CalUserId | None
) -> tuple[str, ...] | None:
    if cal_user is None or not isinstance(observed.people, Complete):
        return None
    person = observed.people.value.get(cal_user)
    if person is None or person.attributes is None:
        return None
    return tuple(
        sorted(value.value for value in person.attributes if value.attribute == attribute.id)
    )


def _because(
    planned: Plan,
    attribute: Attribute | str,
    user: User | None,
    cal_user: CalUserId | None,
    wanted: tuple[str, ...],
    parked: Mapping[ActionKey, ParkedAction],
) -> str:
    if isinstance(attribute, str):
        return next((note for note in planned.notes if note.startswith("attributes ")), attribute)
    coming = [
        action
        for action in planned.actions
        if isinstance(action, ChangeAttribute)
        and action.change.attribute.id == attribute.id
        and (
            (user is not None and action.user == user.id)
            or (cal_user is not None and action.cal_user == cal_user)
        )
    ]
    for action in coming:
        if (early := parked.get(key_of(action))) is not None:
            return f"{action.kind.value} {until(early)}"
    for action in coming:
        return f"{action.kind.value} ({action.state.value}): {action.reason}"
    if user is None or not user.managed:
        return "no provider has written to this person"
    for waiting in planned.waiting:
        if waiting.user == user.id:
            return f"waiting: {waiting.reason}"
    return "as the directory says" if wanted else "the directory gives no value, and never gave one"
