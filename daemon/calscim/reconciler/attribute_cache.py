"""Caches the attributes of the organization, and applies attribute changes."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from calscim.calcom.reader import Reader
from calscim.calcom.writer import CallResult
from calscim.planner.actions import AttributeChange, AttributeOp, ChangeAttribute
from calscim.planner.attributes.changes import apply_change, has_target_value, must_unassign_first
from calscim.planner.attributes.table import attributes_without_options
from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import CalUserId
from calscim.planner.observed_state import Attribute, AttributeValue, Complete, Incomplete
from calscim.planner.policy import Policy
from calscim.reconciler.recorder import Recorder


@dataclass(slots=True)
class AttributeCatalog:
    """The attributes of the organization and their options. Empty until they are read.

    A full pass costs one read, and one more for each select attribute of which the directory wants an unknown option.
    """

    known: dict[str, Attribute] = field(default_factory=dict)
    gap: str | None = "they were not read yet"
    was_read: bool = False
    _options: dict[str, dict[str, str]] = field(default_factory=dict)  # attribute -> value -> id

    @property
    def lost(self) -> str | None:
        """Return why attributes that could be read before cannot be read now, or None."""
        return self.gap if self.was_read else None

    def observed(self) -> Complete[tuple[Attribute, ...]] | Incomplete:
        """Return the catalog for the planner."""
        if self.gap is not None:
            return Incomplete(self.gap)
        every = (replace(one, options=self._options.get(one.id, {})) for one in self.known.values())
        return Complete(tuple(every))

    async def look(
        self, reader: Reader, directory: DesiredState, policy: Policy, *, again: bool
    ) -> None:
        """Read the options that the configured table needs; ``again``: read the list of attributes too."""
        if not policy.attributes:
            return
        if again or self.lost is not None:
            await self._read(reader)
        seen = self.observed()
        if isinstance(seen, Incomplete):
            return
        for attribute in attributes_without_options(directory, policy, seen.value):
            await self.read_options(reader, attribute.id)

    async def _read(self, reader: Reader) -> None:
        answer = await reader.attributes()
        if isinstance(answer, Incomplete):
            self.gap = answer.reason
        else:
            self.gap, self.was_read = None, True
            self.known = {one.id: one for one in answer.value}

    async def read_options(self, reader: Reader, attribute: str) -> None:
        """Read the options of an attribute. On failure the known options stay; Cal.com refuses wrong ones."""
        answer = await reader.options(attribute)
        if not isinstance(answer, Incomplete):
            self._options[attribute] = answer

    def add_option(self, change: AttributeChange, option: str) -> None:
        self._options.setdefault(change.attribute.id, {})[change.value] = option

    def option(self, change: AttributeChange) -> str | None:
        return self._options.get(change.attribute.id, {}).get(change.value)

    def forget(self, change: AttributeChange) -> None:
        """Forget the options of an attribute, because the known ones are outdated."""
        self._options.pop(change.attribute.id, None)


@dataclass(slots=True)
class AssignedOptions:
    """Every option that a person has, for people whose options were read. Lists show one of several values."""

    read_at: dict[CalUserId, float] = field(default_factory=dict)
    _known: dict[CalUserId, tuple[AttributeValue, ...]] = field(default_factory=dict)

    async def read(
        self, reader: Reader, user: CalUserId, now: float
    ) -> tuple[AttributeValue, ...] | Incomplete:
        """Read and return every option that the person has."""
        self.read_at[user] = now
        fresh = await reader.assigned(user)
        if not isinstance(fresh, Incomplete):
            self._known[user] = fresh
        return fresh

    def complete(
        self, user: CalUserId, shown: tuple[AttributeValue, ...] | None
    ) -> tuple[AttributeValue, ...] | None:
        """Return the options that were read last, unless those that a list shows contradict them."""
        known = self._known.get(user)
        if known is None or shown is None:
            return shown
        if option_keys(shown) <= option_keys(known) and {held.attribute for held in shown} == {
            held.attribute for held in known
        }:
            return known
        self.forget(user)  # changed in Cal.com: read them soon
        return shown

    def replace(self, user: CalUserId, held: tuple[AttributeValue, ...]) -> None:
        """Replace the options of a person after a change, if they were read."""
        if user in self._known:
            self._known[user] = held

    def forget(self, user: CalUserId) -> None:
        """Forget the options of a person, so that they are read early."""
        self._known.pop(user, None)
        self.read_at.pop(user, None)


def option_keys(held: Iterable[AttributeValue]) -> set[tuple[str, str]]:
    """Return which options are held, without their values: lists and options spell numbers differently."""
    return {(value.attribute, value.option) for value in held}


@dataclass(slots=True)
class AttributeSync:
    """Applies the attribute changes of one pass."""

    catalogue: AttributeCatalog
    record: Recorder
    read_options: Callable[[CalUserId], Awaitable[bool | Incomplete]]
    _checked: dict[CalUserId, Incomplete | None] = field(default_factory=dict)

    def mark_empty(self, user: CalUserId) -> None:
        """Note that an account was created in this pass, so that it has no options to read."""
        self._checked[user] = None

    async def is_outdated(self, user: CalUserId) -> bool | Incomplete:
        """Read every option that the person has, once a pass; return True if the known ones are outdated.

        Lists show one value of a TEXT, a NUMBER or a SINGLE_SELECT, and Cal.com keeps several.
        """
        if user in self._checked:
            return self._checked[user] or False
        found = await self.read_options(user)
        self._checked[user] = found if isinstance(found, Incomplete) else None
        return found if isinstance(found, Incomplete) else not found

    def prepare(
        self, action: ChangeAttribute, held: Sequence[AttributeValue] | None
    ) -> ChangeAttribute | None:
        """Return the action with the results of earlier actions, or None if it waits for one of them.

        ``held``: the values that the person has, or None if they are unknown.
        """
        change = action.change
        if change.op is AttributeOp.OPTION:
            return action
        if held is None or must_unassign_first(held, change):
            return None
        option = change.option
        if option is None and change.attribute.type.selects:
            option = self.catalogue.option(change)
            if option is None:
                return None
        return replace(action, change=replace(change, option=option))

    async def record_intent(self, action: ChangeAttribute) -> None:
        """Record before the call that calscim sets the value."""
        change = action.change
        if change.op is AttributeOp.ASSIGN and action.cal_user is not None:
            await self.record.record_attribute_intent(action.cal_user, change.attribute.id)

    async def record_applied(
        self,
        change: AttributeChange,
        result: CallResult,
        user: CalUserId,
        held: Sequence[AttributeValue],
    ) -> tuple[AttributeValue, ...]:
        """Return the values after the call; record them once they reach the target."""
        option = result.option or change.option
        if option is None:  # the value is set already, under an option that only a list shows
            return tuple(held)
        after = apply_change(held, change, option)
        if has_target_value(after, change):
            await self.record.record_attributes([(user, change.attribute.id, change.target)])
        return after
