"""Plan the changes of people's attributes in Cal.com. Only attributes of the configured table change.

A value that the directory gives is kept in Cal.com, also against edits there. A value that the directory does not
give is removed only if calscim set the attribute before, so that a new table clears nothing. Attributes that were not
read, or that Cal.com does not have, change nothing; a note says so.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace

from calscim.names import address_key, attribute_key
from calscim.planner.actions import (
    AttributeChange,
    AttributeOp,
    ChangeAttribute,
    Provenance,
    State,
)
from calscim.planner.attributes.values import encode_values, normalize, read_values
from calscim.planner.context import PlanContext
from calscim.planner.desired_state import DesiredState, User
from calscim.planner.identity import PersonKey
from calscim.planner.ids import CalUserId
from calscim.planner.observed_state import (
    Attribute,
    AttributeType,
    AttributeValue,
    Complete,
    Incomplete,
    OrgMember,
)
from calscim.planner.people.membership import joining
from calscim.planner.people.waiting import note_waiting
from calscim.planner.plan import Plan, Waiting, merge_waiting
from calscim.planner.policy import AttributeRule, Policy
from calscim.planner.safeguards import action_states

_NONE: list[AttributeValue] = []


@dataclass(frozen=True, slots=True)
class AttributeDiff:
    """One attribute of one person: ``has`` is the observed value, ``should`` the wanted one."""

    rule: AttributeRule
    attribute: Attribute
    has: tuple[AttributeValue, ...]
    should: tuple[str, ...]

    @property
    def surplus(self) -> tuple[AttributeValue, ...]:
        """Return the values to remove; of a value that is there twice, all but one."""
        left = set(self.should)
        gone = []
        for held in self.has:
            value = normalize(self.attribute.type, held.value)
            if value in left:
                left.remove(value)
            else:
                gone.append(held)
        return tuple(gone)

    @property
    def missing(self) -> tuple[str, ...]:
        there = {normalize(self.attribute.type, held.value) for held in self.has}
        return tuple(value for value in self.should if value not in there)


def plan_attributes(plan: Plan, context: PlanContext) -> Plan:
    """Change the attributes that the organization's table names."""
    planner = AttributesPlanner(context, joining(plan, context))
    planner.walk(context.chosen)
    return replace(
        plan,
        actions=(*plan.actions, *planner.actions),
        waiting=merge_waiting((*plan.waiting, *planner.waiting)),
        applied_attributes=(*plan.applied_attributes, *planner.applied_attributes),
        notes=(*plan.notes, *planner.notes),
    )


class AttributesPlanner:
    """Fills ``actions``, ``told``, ``waiting``, and ``notes``."""

    def __init__(self, context: PlanContext, joining: MappingOf[PersonKey, State]) -> None:
        self._desired = context.desired
        self._policy = context.policy
        self._deprovisioning = context.deprovisioning
        self._people = context.people
        self._coming = joining
        self.waiting: list[Waiting] = []
        self.notes: list[str] = []
        self.actions: list[ChangeAttribute] = []
        self.applied_attributes: list[tuple[CalUserId, str, str]] = []
        self._pairs = self._resolved(context.observed.attributes)
        self._making: dict[tuple[str, str], ChangeAttribute] = {}  # options that the plan creates
        self._wholes: dict[tuple[str, ...], str] = {}
        self._unseen = 0

    def _resolved(
        self, attributes: Complete[tuple[Attribute, ...]] | Incomplete
    ) -> list[tuple[AttributeRule, Attribute]]:
        """Return the rows of the table with the attributes that they name."""
        if not self._policy.attributes:
            return []
        if isinstance(attributes, Incomplete):
            self.notes.append(f"attributes are left as they are: {attributes.reason}")
            return []
        pairs: list[tuple[AttributeRule, Attribute]] = []
        for rule in self._policy.attributes:
            found = find_attribute(attributes.value, rule.to)
            if isinstance(found, str):
                self.notes.append(found)
            elif any(found.id == other.id for _, other in pairs):
                self.notes.append(
                    f"two rows of the table lead to the attribute {found.name}: the first counts"
                )
            else:
                pairs.append((rule, found))
        return pairs

    def walk(self, keys: Iterable[PersonKey] | None) -> None:
        """Plan the attributes of all people, or only of these."""
        if not self._pairs or self._deprovisioning.seen is None:
            return
        everybody = self._people.primary_user if keys is None else keys
        for key in everybody:
            if self._deprovisioning.wanted(key):
                self._person(key, self._people.primary_user[key])
        self.actions += self._making.values()
        if self._unseen:
            self.notes.append(
                f"the attributes of {self._unseen} people are not shown by Cal.com: left as they are"
            )

    def _person(self, key: PersonKey, user: User) -> None:
        seen = None
        has: tuple[AttributeValue, ...] | None = ()
        if isinstance(key, str):
            if key not in self._coming:
                return
        else:
            assert self._deprovisioning.seen is not None
            seen = self._deprovisioning.seen.get(key)
            if seen is None or not seen.has_joined:
                return  # the stage for people notes what they wait for
            has = seen.attributes
        if has is None:
            self._unseen += 1
            return
        held: dict[str, list[AttributeValue]] = {}
        for one in has:
            held.setdefault(one.attribute, []).append(one)
        for rule, attribute in self._pairs:
            should = self._should(user, rule, attribute)
            mine = held.get(attribute.id, _NONE)
            if should is not None:
                self._attribute(
                    key, user, seen, AttributeDiff(rule, attribute, tuple(mine), should)
                )

    def _should(
        self, user: User, rule: AttributeRule, attribute: Attribute
    ) -> tuple[str, ...] | None:
        """Return the directory's values, or None if the attribute cannot hold one of them."""
        given = _given(user, rule, attribute)
        if attribute.type is not AttributeType.NUMBER:
            return given
        found = []
        for value in given:
            made = normalize(attribute.type, value)
            if made is None:
                self._wait(
                    user, f"{attribute.name} takes a number, and {rule.source.text} is {value!r}"
                )
                return None
            found.append(made)
        return tuple(dict.fromkeys(found))

    def _attribute(
        self, key: PersonKey, user: User, seen: OrgMember | None, one: AttributeDiff
    ) -> None:
        account = None if seen is None else seen.user
        before = (
            None if account is None else self._desired.attributes.get((account, one.attribute.id))
        )
        if not one.should and before is None:
            return  # the directory never gave a value
        if len(one.has) == len(one.should) == 1 and one.has[0].value == one.should[0]:
            surplus: tuple[AttributeValue, ...] = ()  # the usual case
            missing: tuple[str, ...] = ()
        else:
            surplus, missing = one.surplus, one.missing
        if not surplus and not missing:
            now = self._whole(one.should)
            if account is not None and before != now:
                self.applied_attributes.append((account, one.attribute.id, now))
            return
        options = dict(self._options(key, user, seen, one, missing))
        if len(options) < len(missing):
            if one.attribute.type is not AttributeType.MULTI_SELECT:
                return  # the present value stays until the option exists
            missing = tuple(value for value in missing if value in options)
        for held in surplus:
            change = AttributeChange(
                AttributeOp.UNASSIGN,
                one.attribute,
                held.value,
                held.option,
                encode_values(one.should),
            )
            self.actions.append(self._action(key, user, seen, one, change, before))
        for value in missing:
            change = AttributeChange(
                AttributeOp.ASSIGN, one.attribute, value, options[value], encode_values(one.should)
            )
            self.actions.append(self._action(key, user, seen, one, change, before))

    def _whole(self, should: tuple[str, ...]) -> str:
        """Return the recorded form of the values; cached, because many people share few values."""
        known = self._wholes.get(should)
        if known is None:
            known = self._wholes[should] = encode_values(should)
        return known

    def _options(
        self,
        key: PersonKey,
        user: User,
        seen: OrgMember | None,
        one: AttributeDiff,
        missing: Sequence[str],
    ) -> Iterator[tuple[str, str | None]]:
        """Yield the option of each value that has one or gets one; None: known only after the call."""
        for value in missing:
            if not one.attribute.type.selects:
                yield value, None
            elif (option := one.attribute.options.get(value)) is not None:
                yield value, option
            elif one.rule.create_options:
                change = AttributeChange(
                    AttributeOp.OPTION, one.attribute, value, None, encode_values(one.should)
                )
                self._make(self._action(key, user, seen, one, change, None), change)
                yield value, None
            else:
                self._wait(
                    user,
                    f'the attribute {one.attribute.name} has no option "{value}": create it in Cal.com, or set '
                    "create_options = true",
                )

    def _make(self, action: ChangeAttribute, change: AttributeChange) -> None:
        """Create each option once, for the first person by address, whatever the order of reading."""
        place = (change.attribute.id, change.value)
        before = self._making.get(place)
        if before is None or _first(action) < _first(before):
            self._making[place] = action

    def _action(
        self,
        key: PersonKey,
        user: User,
        seen: OrgMember | None,
        one: AttributeDiff,
        change: AttributeChange,
        before: str | None,
    ) -> ChangeAttribute:
        fills = change.op is not AttributeOp.UNASSIGN and (
            not one.has or one.attribute.type is AttributeType.MULTI_SELECT
        )
        behind = {
            other.directory for other in self._people.users(key) if other.managed and other.active
        }
        drift = before is not None and before == encode_values(one.should)
        state = action_states.of_org_action(self._desired, self._policy.people, behind, adds=fills)
        if isinstance(key, str) and state is State.RUN:
            state = self._coming[key]
        return ChangeAttribute(
            user.email if seen is None else seen.email,
            _because(one, change, user, drift=drift),
            user=user.id,
            cal_user=None if isinstance(key, str) else key,
            membership=None if seen is None else seen.membership,
            provenance=Provenance(user.directory, user.seq),
            drift=drift,
            state=state,
            change=change,
        )

    def _wait(self, user: User, reason: str) -> None:
        self.waiting.append(note_waiting(user, reason))


def _first(action: ChangeAttribute) -> tuple[bool, str, str]:
    """Return a sort key that puts actions that may run first."""
    return action.state is not State.RUN, address_key(action.email), action.user or ""


def _because(one: AttributeDiff, change: AttributeChange, user: User, *, drift: bool) -> str:
    """Describe the old and the new values and, if several calls are needed, the part of this call."""
    if change.op is AttributeOp.OPTION:
        return f'{one.attribute.name}: makes the option "{change.value}" (journal {user.seq})'
    has = ", ".join(sorted(f'"{held.value}"' for held in one.has)) or "nothing"
    should = ", ".join(f'"{value}"' for value in one.should) or "nothing"
    because = f"{one.attribute.name}: {has} -> {should} (journal {user.seq})"
    if drift:
        because += "; it was changed in Cal.com"
    if len(one.surplus) + len(one.missing) > 1:
        verb = "sets" if change.op is AttributeOp.ASSIGN else "takes away"
        because += f'; {verb} "{change.value}"'
    return because


def find_attribute(attributes: Iterable[Attribute], wanted: str) -> Attribute | str:
    """Find an attribute by slug, by name, or by either in any case; or return why that failed."""
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
    return (
        f"Cal.com has no attribute {wanted}: make it there, or correct the table; it has: {known}"
    )


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
        wanted = (_given(user, rule, attribute) for user in users)
        if any(value not in attribute.options for given in wanted for value in given):
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


def _given(user: User, rule: AttributeRule, attribute: Attribute) -> tuple[str, ...]:
    """Return the directory's values that the attribute can take: all values, or the first."""
    given = read_values(rule.source, user.data)
    return given if attribute.type is AttributeType.MULTI_SELECT else given[:1]


def source_keys(policy: Policy) -> frozenset[str]:
    """Return the needed core attributes and schemas of a user, in lower case."""
    return frozenset(
        (rule.source.schema or rule.source.attribute).lower() for rule in policy.attributes
    )


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
    has = [one.value for one in held if one.attribute == change.attribute.id]
    return encode_values(normalize(kind, value) or value for value in has) == change.target


def must_unassign_first(held: Sequence[AttributeValue], change: AttributeChange) -> bool:
    """Return True if another value must be removed first, because the attribute takes only one."""
    return (
        change.op is AttributeOp.ASSIGN
        and change.attribute.type is not AttributeType.MULTI_SELECT
        and any(one.attribute == change.attribute.id for one in held)
    )
