"""Pages of a list with cursors (RFC 9865). Several resource types form one list, one type after the other.

A cursor stands for a position: the type, the place of a row among its resources, and the direction.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from calscim.directory.keyset_pages import Place, Stretch
from calscim.directory.resources import Page
from calscim.scim.paging.cursor_token import invalid_cursor


@dataclass(frozen=True, slots=True)
class Position:
    """The content of a cursor."""

    kind: str
    place: Place
    forward: bool

    def to_json(self) -> list[Any]:
        return [self.kind, self.forward, self.place.ordinal, self.place.key]

    @classmethod
    def from_json(cls, value: Any) -> "Position":
        """Return the position that ``to_json`` wrote. Raise ScimError(400, invalidCursor) for anything else."""
        match value:
            case [str(kind), bool(forward), int(ordinal), None | str() as key]:
                return cls(kind, Place(ordinal, key), forward)
        raise invalid_cursor()


@dataclass(frozen=True, slots=True)
class CursorPage:
    """A page, and the positions of the previous and the next page."""

    page: Page
    kinds: tuple[str, ...]  # the type of each resource
    after: Position | None
    before: Position | None


# Reads the resources of a type beside a place: type, place, count, forward.
ReadBeside = Callable[[str, Place | None, int, bool], Awaitable[Stretch]]


async def read_page(
    kinds: Sequence[str], position: Position | None, count: int, read: ReadBeside
) -> CursorPage:
    """Return the page at a position, or the first one. A count of 0 gives the total only."""
    forward = position is None or position.forward
    order = list(kinds) if forward else list(reversed(kinds))
    if position is not None and position.kind not in kinds:
        raise invalid_cursor()
    first_index = 0 if position is None else order.index(position.kind)
    left, total, has_more = count, 0, False
    found: list[tuple[str, Stretch]] = []
    for index, kind in enumerate(order):
        place = position.place if position is not None and index == first_index else None
        stretch = await read(kind, place, 0 if index < first_index else left, forward)
        total += stretch.page.total
        if index >= first_index:
            left -= len(stretch.page.bodies)
            has_more = has_more or stretch.more
        if stretch.page.bodies:
            found.append((kind, stretch))
    found = found if forward else found[::-1]
    bodies = tuple(body for _, stretch in found for body in stretch.page.bodies)
    kinds_of_bodies = tuple(kind for kind, stretch in found for _ in stretch.page.bodies)
    after = before = None
    if found and (has_more or not forward):  # a backward page comes from one that follows
        after = Position(found[-1][0], _end(found[-1][1].last), forward=True)
    if found and (position is not None if forward else has_more):
        before = Position(found[0][0], _end(found[0][1].first), forward=False)
    return CursorPage(Page(total, bodies), kinds_of_bodies, after, before)


def _end(place: Place | None) -> Place:
    assert place is not None, "a stretch with rows has both ends"
    return place
