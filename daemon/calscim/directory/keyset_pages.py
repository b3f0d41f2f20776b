"""The resources that come next to one in an order, in either direction (keyset pagination).

A place is what a row is ordered by, not how many come before it: however deep it is, finding it costs the same,
and what is made or deleted meanwhile moves no other row across it. The row itself may be gone.
"""

from dataclasses import dataclass
from typing import Any

from calscim.directory.resources import Page, Reader, allowed
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

_BEFORE_ALL, _AFTER_ALL = -1, 2**62  # ordinals that no row has


@dataclass(frozen=True, slots=True)
class Keyset:
    """A filter and what is sorted by, as SQL over the alias u or g; without a key by when they were made."""

    where: str = ""
    key: str = ""
    descending: bool = False
    parameters: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: its key, None where it has no value, and of equal keys its ordinal."""

    ordinal: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows in their order, ``more``: whether others follow in the direction that was asked for."""

    page: Page
    more: bool
    first: Place | None
    last: Place | None


async def users_beside(
    db: Database, reader: Reader, keyset: Keyset, place: Place | None, count: int, *, forward: bool
) -> Stretch:
    """The next ones after a place, or the last ones before it. Without a place from the very end."""
    return await _beside(db, "users", reader, keyset, place, count, forward=forward)


async def groups_beside(
    db: Database,
    reader: Reader,
    keyset: Keyset,
    place: Place | None,
    count: int,
    *,
    forward: bool,
    members: bool = True,
) -> Stretch:
    """The same for groups."""
    return await _beside(db, "groups", reader, keyset, place, count, members, forward=forward)


async def _beside(
    db: Database,
    kind: str,
    reader: Reader,
    keyset: Keyset,
    place: Place | None,
    count: int,
    *more: bool,
    forward: bool,
) -> Stretch:
    text = sql(f"keysets.{kind}")
    parameters = [*more, *keyset.parameters]
    if keyset.where:
        text = text.replace("/* filter */ true", keyset.where)
        total = f"/* total */ max(h.{kind}) FROM calscim.heads h WHERE h.stream = $2"
        text = text.replace(total, "count(*) FROM found")
    if keyset.key:
        text = text.replace("/* key */ NULL::text", keyset.key)
    if place is not None and place.key is not None:
        parameters.append(place.key)
    key = f"${5 + len(parameters)}::text"
    text = text.replace(
        "/* beyond */ ordinal > $4::bigint", _beyond(keyset, place, key, forward=forward)
    )
    text = text.replace("/* order */ ordinal", _order(keyset, forward=forward))
    edge = _BEFORE_ALL if forward else _AFTER_ALL
    ordinal = edge if place is None else place.ordinal
    row = allowed(
        await db.fetchrow(
            text, reader.token_id, reader.directory, reader.base, ordinal, count, *parameters
        )
    )
    bodies, places = list(row["bodies"] or ()), _places(row["ordinals"], row["keys"])
    if not forward:
        bodies.reverse()
        places.reverse()
    first, last = (places[0], places[-1]) if places else (None, None)
    return Stretch(Page(row["total"] or 0, tuple(bodies)), row["more"], first, last)


def _places(ordinals: list[int] | None, keys: list[str | None] | None) -> list[Place]:
    return [Place(*one) for one in zip(ordinals or (), keys or (), strict=True)]


def _beyond(keyset: Keyset, place: Place | None, key: str, *, forward: bool) -> str:
    """The rows on the far side of a place. Who has no value comes after all who have one when ascending."""
    later = f"ordinal {'>' if forward else '<'} $4::bigint"
    if not keyset.key or place is None:
        return later
    upwards = forward is not keyset.descending
    if place.key is None:
        return f"(key IS NULL AND {later})" if upwards else f"(key IS NOT NULL OR {later})"
    equal = f'(key = {key} COLLATE "C" AND {later})'
    if upwards:
        return f'(key > {key} COLLATE "C" OR {equal} OR key IS NULL)'
    return f'(key < {key} COLLATE "C" OR {equal})'


def _order(keyset: Keyset, *, forward: bool) -> str:
    ordinal = "ordinal" if forward else "ordinal DESC"
    if not keyset.key:
        return ordinal
    upwards = forward is not keyset.descending
    return f"key {'ASC NULLS LAST' if upwards else 'DESC NULLS FIRST'}, {ordinal}"
