"""Plan the changes of people's attributes in Cal.com. Only attributes of the configured table change.

A value that the directory gives is kept in Cal.com, also against edits there. A value that the directory does not
give is removed only if calscim set the attribute before, so that a new table clears nothing. Attributes that were not
read, or that Cal.com does not have, change nothing; a note says so.
"""

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from calscim.names import address_key
from calscim.planner.actions import (
    AttributeChange,
    AttributeOp,
    ChangeAttribute,
    Provenance,
    State,
)
from calscim.planner.attributes.table import find_attribute, read_wanted_values
from calscim.planner.attributes.values import encode_values, normalize
from calscim.planner.context import PlanContext
from calscim.planner.desired_state import User
from calscim.planner.identity import PersonKey
from calscim.planner.observed_state import (
    Attribute,
    AttributeType,
    AttributeValue,
    Incomplete,
    OrgMember,
)
from calscim.planner.people.membership import find_joining
from calscim.planner.plan import Additions, Plan
from calscim.planner.policy import AttributeRule


@dataclass(frozen=True, slots=True)
class _Person:
    """A person that a directory wants. ``member`` None: the same plan invites this person."""

    key: PersonKey
    user: User
    member: OrgMember | None


@dataclass(frozen=True, slots=True)
class _Diff:
    """One attribute of one person."""

    person: _Person
    attribute: Attribute
    observed: tuple[AttributeValue, ...]
    wanted: tuple[str, ...]
    applied: str | None  # what calscim set before, as the ledger records it

    @property
    def target(self) -> str:
        return encode_values(self.wanted)

    @property
    def surplus(self) -> tuple[AttributeValue, ...]:
        """Return the values to remove; of a value that is there twice, all but one."""
        left = set(self.wanted)
        surplus = []
        for held in self.observed:
            value = normalize(self.attribute.type, held.value)
            if value in left:
                left.remove(value)
            else:
                surplus.append(held)
        return tuple(surplus)

    @property
    def missing(self) -> tuple[str, ...]:
        there = {normalize(self.attribute.type, held.value) for held in self.observed}
        return tuple(value for value in self.wanted if value not in there)


def plan_attributes(plan: Plan, context: PlanContext) -> Plan:
    """Change the attributes that the organization's table names."""
    added = Additions()
    if context.policy.attributes:
        _AttributePlanner(context, find_joining(plan, context), added).plan()
    return added.add_to(plan)


class _AttributePlanner:
    """Plans the attributes of the people in scope. ``joining``: the people that the same plan invites."""

    def __init__(
        self, context: PlanContext, joining: MappingOf[PersonKey, State], added: Additions
    ) -> None:
        self._context = context
        self._deprovisioning = context.deprovisioning
        self._joining = joining
        self._added = added
        self._rows = list(self._resolve_table())
        self._new_options: dict[tuple[str, str], ChangeAttribute] = {}
        self._not_shown = 0

    def _resolve_table(self) -> Iterator[tuple[AttributeRule, Attribute]]:
        """Yield the rows of the table with the attributes that they name."""
        attributes = self._context.observed.attributes
        if isinstance(attributes, Incomplete):
            self._added.notes.append(f"calscim changes no attributes: {attributes.reason}")
            return
        seen: set[str] = set()
        for rule in self._context.policy.attributes:
            found = find_attribute(attributes.value, rule.to)
            if isinstance(found, str):
                self._added.notes.append(found)
            elif found.id in seen:
                self._added.notes.append(
                    f"two rows of the table name the attribute {found.name}: calscim uses the first"
                )
            else:
                seen.add(found.id)
                yield rule, found

    def plan(self) -> None:
        if not self._rows or self._deprovisioning.members is None:
            return
        primary_user, in_scope = self._context.people.primary_user, self._context.people_in_scope
        for key in primary_user if in_scope is None else in_scope:
            if not self._deprovisioning.is_wanted(key):
                continue
            member = None if isinstance(key, str) else self._deprovisioning.member(key)
            # The stage for people notes what the others wait for.
            if key in self._joining or (member is not None and member.has_joined):
                self._plan_person(_Person(key, primary_user[key], member))
        self._added.actions += self._new_options.values()
        if self._not_shown:
            people = f"{self._not_shown} {'people' if self._not_shown > 1 else 'person'}"
            self._added.notes.append(
                f"Cal.com does not show the attributes of {people}: calscim does not change them"
            )

    def _plan_person(self, person: _Person) -> None:
        values = () if person.member is None else person.member.attributes
        if values is None:
            self._not_shown += 1
            return
        for rule, attribute in self._rows:
            wanted = self._wanted_values(person.user, rule, attribute)
            if wanted is None:
                continue
            observed = tuple(one for one in values if one.attribute == attribute.id)
            applied = (
                None
                if person.member is None
                else self._context.desired.attributes.get((person.member.user, attribute.id))
            )
            if wanted or applied is not None:  # else the directory never gave a value
                self._plan_attribute(rule, _Diff(person, attribute, observed, wanted, applied))

    def _wanted_values(
        self, user: User, rule: AttributeRule, attribute: Attribute
    ) -> tuple[str, ...] | None:
        """Return the directory's values, or None if the attribute cannot hold one of them."""
        given = read_wanted_values(user, rule, attribute)
        if attribute.type is not AttributeType.NUMBER:
            return given
        found = []
        for value in given:
            number = normalize(attribute.type, value)
            if number is None:
                self._added.wait(
                    user, f"{attribute.name} takes a number, but {rule.source.text} is {value!r}"
                )
                return None
            found.append(number)
        return tuple(dict.fromkeys(found))

    def _plan_attribute(self, rule: AttributeRule, diff: _Diff) -> None:
        surplus: tuple[AttributeValue, ...] = ()
        missing: tuple[str, ...] = ()
        if tuple(held.value for held in diff.observed) != diff.wanted:  # equal: the usual case
            surplus, missing = diff.surplus, diff.missing
        if not surplus and not missing:
            if diff.person.member is not None and diff.applied != diff.target:
                account = diff.person.member.user
                self._added.applied_attributes.append((account, diff.attribute.id, diff.target))
            return
        options = dict(self._find_options(rule, diff, missing))
        if len(options) < len(missing) and diff.attribute.type is not AttributeType.MULTI_SELECT:
            return  # the present value stays until the option exists
        for held in surplus:
            self._added.actions.append(
                self._action(diff, AttributeOp.UNASSIGN, held.value, held.option)
            )
        for value, option in options.items():
            self._added.actions.append(self._action(diff, AttributeOp.ASSIGN, value, option))

    def _find_options(
        self, rule: AttributeRule, diff: _Diff, missing: tuple[str, ...]
    ) -> Iterator[tuple[str, str | None]]:
        """Yield the option of each value that has one or gets one; None: known only after the call."""
        attribute = diff.attribute
        for value in missing:
            option = attribute.options.get(value)
            if option is not None or not attribute.type.selects:
                yield value, option
            elif rule.create_options:
                self._create_option(self._action(diff, AttributeOp.OPTION, value, None))
                yield value, None
            else:
                self._added.wait(
                    diff.person.user,
                    f'the attribute {attribute.name} has no option "{value}": create it in Cal.com, or set '
                    "create_options = true",
                )

    def _create_option(self, action: ChangeAttribute) -> None:
        """Create each option once, for the first person by address, whatever the order of reading."""
        place = (action.change.attribute.id, action.change.value)
        before = self._new_options.get(place)
        if before is None or _precedence(action) < _precedence(before):
            self._new_options[place] = action

    def _action(
        self, diff: _Diff, op: AttributeOp, value: str, option: str | None
    ) -> ChangeAttribute:
        key, user, member = diff.person.key, diff.person.user, diff.person.member
        adds = op is not AttributeOp.UNASSIGN and (
            not diff.observed or diff.attribute.type is AttributeType.MULTI_SELECT
        )
        state = self._deprovisioning.state_of_wanted(key, adds=adds)
        if member is None and state is State.RUN:
            state = self._joining[key]
        is_option = op is AttributeOp.OPTION
        return ChangeAttribute(
            user.email if member is None else member.email,
            _reason(diff, op, value),
            user=user.id,
            cal_user=None if member is None else member.user,
            membership=None if member is None else member.membership,
            provenance=Provenance(user.directory, user.seq),
            drift=not is_option and diff.applied == diff.target,
            state=state,
            change=AttributeChange(op, diff.attribute, value, option, diff.target),
        )


def _precedence(action: ChangeAttribute) -> tuple[bool, str, str]:
    """Return a sort key that puts actions that may run first."""
    return action.state is not State.RUN, address_key(action.email), action.user or ""


def _reason(diff: _Diff, op: AttributeOp, value: str) -> str:
    """Describe the old and the new values and, if several calls are needed, the part of this call."""
    name, seq = diff.attribute.name, diff.person.user.seq
    if op is AttributeOp.OPTION:
        return f'{name}: creates the option "{value}" (journal {seq})'
    observed = ", ".join(sorted(f'"{held.value}"' for held in diff.observed)) or "nothing"
    wanted = ", ".join(f'"{value}"' for value in diff.wanted) or "nothing"
    reason = f"{name}: {observed} -> {wanted} (journal {seq})"
    if diff.applied == diff.target:
        reason += "; the value was changed in Cal.com"
    if len(diff.surplus) + len(diff.missing) > 1:
        verb = "assigns" if op is AttributeOp.ASSIGN else "removes"
        reason += f'; {verb} "{value}"'
    return reason
