"""People's attributes: what is known of them in Cal.com, and carrying out what is to become of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from calscim.calcom.reader import Reader
from calscim.calcom.writer import CallResult
from calscim.planner.actions import AttributeChange, AttributeOp, ChangeAttribute
from calscim.planner.attributes.diff import applied, in_the_way, is_as_wanted, lacking
from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import CalUserId
from calscim.planner.observed_state import Attribute, AttributeValue, Complete, Incomplete
from calscim.planner.policy import Policy
from calscim.reconciler.recorder import Recorder


@dataclass(slots=True)
class AttributeCatalog:
    """Which attributes the organization has, and the options of selections. Empty until it is read.

    Costs one read a full pass, and one a selection when the directory wants a value that is no known option.
    """

    known: dict[str, Attribute] = field(default_factory=dict)
    gap: str | None = "they were not read yet"
    was_read: bool = False
    _options: dict[str, dict[str, str]] = field(default_factory=dict)  # attribute -> value -> id

    @property
    def lost(self) -> str | None:
        """Why attributes that were read before could not be read. A build without attributes loses none."""
        return self.gap if self.was_read else None

    def observed(self) -> Complete[tuple[Attribute, ...]] | Incomplete:
        """As the planner wants it."""
        if self.gap is not None:
            return Incomplete(self.gap)
        every = (replace(one, options=self._options.get(one.id, {})) for one in self.known.values())
        return Complete(tuple(every))

    async def look(
        self, reader: Reader, directory: DesiredState, policy: Policy, *, again: bool
    ) -> None:
        """Read what the table needs; ``again``: also which attributes there are, known or not."""
        if not policy.attributes:
            return
        if again or self.lost is not None:
            await self._read(reader)
        seen = self.observed()
        if isinstance(seen, Incomplete):
            return
        for attribute in lacking(directory, policy, seen.value):
            await self.read_options(reader, attribute.id)

    async def _read(self, reader: Reader) -> None:
        answer = await reader.attributes()
        if isinstance(answer, Incomplete):
            self.gap = answer.reason
        else:
            self.gap, self.was_read = None, True
            self.known = {one.id: one for one in answer.value}

    async def read_options(self, reader: Reader, attribute: str) -> None:
        """What was known before stays known when that fails: a wrong option is refused."""
        answer = await reader.options(attribute)
        if not isinstance(answer, Incomplete):
            self._options[attribute] = answer

    def made(self, change: AttributeChange, option: str) -> None:
        self._options.setdefault(change.attribute.id, {})[change.value] = option

    def option(self, change: AttributeChange) -> str | None:
        return self._options.get(change.attribute.id, {}).get(change.value)

    def forget(self, change: AttributeChange) -> None:
        """Its options turned out to be others than were known."""
        self._options.pop(change.attribute.id, None)


@dataclass(slots=True)
class AttributeSync:
    """One pass's changes of attributes."""

    catalogue: AttributeCatalog
    record: Recorder
    read_options: Callable[[CalUserId], Awaitable[bool | Incomplete]]
    _checked: dict[CalUserId, Incomplete | None] = field(default_factory=dict)

    def has_none(self, user: CalUserId) -> None:
        """The account was created in this pass: there are no options to read."""
        self._checked[user] = None

    async def is_outdated(self, user: CalUserId) -> bool | Incomplete:
        """Read every option that the person has, once a pass; return True if they are not as was known.

        Lists show one value of a TEXT, a NUMBER or a SINGLE_SELECT, and Cal.com keeps several.
        """
        if user in self._checked:
            return self._checked[user] or False
        found = await self.read_options(user)
        self._checked[user] = found if isinstance(found, Incomplete) else None
        return found if isinstance(found, Incomplete) else not found

    def ready(
        self, action: ChangeAttribute, held: Sequence[AttributeValue] | None
    ) -> ChangeAttribute | None:
        """The action with what earlier ones brought about; None where it has to wait for one of them.

        ``held``: what the person has; None when that is not known.
        """
        change = action.change
        if change.op is AttributeOp.OPTION:
            return action
        if held is None or in_the_way(held, change):
            return None
        option = change.option
        if option is None and change.attribute.type.selects:
            option = self.catalogue.option(change)
            if option is None:
                return None
        return replace(action, change=replace(change, option=option))

    async def claim(self, action: ChangeAttribute) -> None:
        """That the value is calscim's is on record before the call."""
        change = action.change
        if change.op is AttributeOp.ASSIGN and action.cal_user is not None:
            await self.record.claim(action.cal_user, change.attribute.id)

    async def done(
        self,
        change: AttributeChange,
        result: CallResult,
        user: CalUserId,
        held: Sequence[AttributeValue],
    ) -> tuple[AttributeValue, ...]:
        """Returns what the person has now; on record once it is all that is wanted."""
        option = result.option or change.option
        if option is None:  # there already, under an option that only a list shows
            return tuple(held)
        after = applied(held, change, option)
        if is_as_wanted(after, change):
            await self.record.told([(user, change.attribute.id, change.target)])
        return after
