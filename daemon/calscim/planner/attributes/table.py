"""The configured table of attributes: its rows, and the attributes in Cal.com that they name."""

from collections.abc import Iterable

from calscim.names import attribute_key
from calscim.planner.attributes.values import read_values
from calscim.planner.desired_state import DesiredState, User
from calscim.planner.observed_state import Attribute, AttributeType
from calscim.planner.policy import AttributeRule, Policy


def find_attribute(attributes: Iterable[Attribute], wanted: str) -> Attribute | str:
    """Find an attribute by slug, by name, or by either, ignoring case; or return why that failed."""
    every = list(attributes)
    key = attribute_key(wanted)
    for found in (
        [one for one in every if one.slug == wanted],
        [one for one in every if one.name == wanted],
        [one for one in every if key in (attribute_key(one.slug), attribute_key(one.name))],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            return f"Cal.com has {len(found)} attributes called {wanted}: write the slug of one in the table"
    known = ", ".join(sorted(one.slug for one in every)) or "none"
    return f"Cal.com has no attribute {wanted}: create it in Cal.com, or correct the table; Cal.com has: {known}"


def read_wanted_values(user: User, rule: AttributeRule, attribute: Attribute) -> tuple[str, ...]:
    """Return the directory's values that the attribute can take: all values, or the first."""
    given = read_values(rule.source, user.data)
    return given if attribute.type is AttributeType.MULTI_SELECT else given[:1]


def attributes_without_options(
    desired: DesiredState, policy: Policy, attributes: Iterable[Attribute]
) -> list[Attribute]:
    """Return the select attributes that lack an option for a wanted value: their options must be read."""
    every = list(attributes)
    found = []
    users = [user for user in desired.users.values() if user.active and user.managed]
    for rule in policy.attributes:
        attribute = find_attribute(every, rule.to)
        if isinstance(attribute, str) or not attribute.type.selects:
            continue
        wanted = (read_wanted_values(user, rule, attribute) for user in users)
        if any(value not in attribute.options for values in wanted for value in values):
            found.append(attribute)
    return found


def find_single_valued(attributes: Iterable[Attribute], policy: Policy) -> frozenset[str]:
    """Return the ids of the table's attributes for which lists show one value only."""
    every = list(attributes)
    found = (find_attribute(every, rule.to) for rule in policy.attributes)
    return frozenset(
        one.id
        for one in found
        if isinstance(one, Attribute) and one.type is not AttributeType.MULTI_SELECT
    )


def source_keys(policy: Policy) -> frozenset[str]:
    """Return the core attributes and schemas of a user that the table reads, in lower case."""
    return frozenset(
        (rule.source.schema or rule.source.attribute).lower() for rule in policy.attributes
    )
