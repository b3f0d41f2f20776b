"""A list gone through with a cursor (RFC 9865): several types are one list, type by type.

Where a page ends is a position: the type, the place of its row there, and in which direction it goes on.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from calscim.directory.keyset_pages import Place, Stretch
from calscim.directory.resources import Page
from calscim.scim.paging.cursor_token import invalid_cursor


@dataclass(frozen=True, slots=True)
class Position:
    """What a cursor holds."""

    kind: str
    place: Place
    forward: bool

    def value(self) -> list[Any]:
        return [self.kind, self.forward, self.place.ordinal, self.place.key]

    @classmethod
    def of(cls, value: Any) -> "Position":
        """ScimError 400 invalidCursor for what ``value`` has not made."""
        match value:
            case [str(kind), bool(forward), int(ordinal), None | str() as key]:
                return cls(kind, Place(ordinal, key), forward)
        raise invalid_cursor()


@dataclass(frozen=True, slots=True)
class Walked:
    """A page, and where the ones beside it begin."""

    page: Page
    kinds: tuple[str, ...]  # the type of each resource
    after: Position | None
    before: Position | None


Beside = Callable[[str, Place | None, int, bool], Awaitable[Stretch]]


async def walk(kinds: Sequence[str], position: Position | None, count: int, read: Beside) -> Walked:
    """``read``: the resources of a type beside a place, so many, forward or not. A count of 0 shows the total only."""
    forward = position is None or position.forward
    order = list(kinds) if forward else list(reversed(kinds))
    if position is not None and position.kind not in kinds:
        raise invalid_cursor()
    begin = 0 if position is None else order.index(position.kind)
    left, total, more = count, 0, False
    found: list[tuple[str, Stretch]] = []
    for number, kind in enumerate(order):
        place = position.place if position is not None and number == begin else None
        stretch = await read(kind, place, 0 if number < begin else left, forward)
        total += stretch.page.total
        if number >= begin:
            left -= len(stretch.page.bodies)
            more = more or stretch.more
        if stretch.page.bodies:
            found.append((kind, stretch))
    found = found if forward else found[::-1]
    bodies = tuple(body for _, stretch in found for body in stretch.page.bodies)
    kinds_shown = tuple(kind for kind, stretch in found for _ in stretch.page.bodies)
    after = before = None
    if found and (more or not forward):  # where one came from, something was
        after = Position(found[-1][0], _known(found[-1][1].last), forward=True)
    if found and (position is not None if forward else more):
        before = Position(found[0][0], _known(found[0][1].first), forward=False)
    return Walked(Page(total, bodies), kinds_shown, after, before)


def _known(place: Place | None) -> Place:
    assert place is not None, "a stretch with rows has both its ends"
    return place
