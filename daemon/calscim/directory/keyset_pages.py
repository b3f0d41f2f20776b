"""Pages of a list that is filtered and ordered: those next to a row (keyset pagination), or those from an offset.

A place is what a row is ordered by, not how many rows come before it. However deep the place is, finding it costs the
same, and a resource that is created or deleted meanwhile moves no other row across it. The row itself may be gone.
"""

from dataclasses import dataclass
from typing import Any, Literal

from calscim.directory.resources import Page, Reader, allowed
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

FIRST_PARAMETER = 7  # of a listing; the query has those before
_BEFORE_ALL, _AFTER_ALL = -1, 2**62  # ordinals that no row has

Kind = Literal["users", "groups"]


@dataclass(frozen=True, slots=True)
class Listing:
    """A filter and an order, as SQL over the alias u or g with parameters from ``FIRST_PARAMETER``.

    Texts are ordered by code points. Without a key, the order is that of creation.
    """

    where: str = ""
    key: str = ""
    key_type: str = "text"
    descending: bool = False
    nullable: bool = True
    parameters: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: its key, None if it has no value, and its ordinal among equal keys."""

    ordinal: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows in their order. ``more``: others follow in the direction of the request."""

    page: Page
    more: bool
    first: Place | None
    last: Place | None


async def read_page(
    db: Database,
    kind: Kind,
    reader: Reader,
    listing: Listing,
    count: int,
    *,
    offset: int = 0,
    place: Place | None = None,
    forward: bool = True,
    with_members: bool = True,
) -> Stretch:
    """Return the rows from an offset, or those after a place, or the last ones before it.

    Without a place, a page backward begins at the end of the list.
    """
    edge = _BEFORE_ALL if forward else _AFTER_ALL
    parameters = [
        reader.token_id,
        reader.directory,
        reader.base,
        edge if place is None else place.ordinal,
        count,
        offset,
        *listing.parameters,
    ]
    if place is not None and place.key is not None:
        parameters.append(place.key)
    query = page_query(
        kind,
        listing,
        place,
        f"${len(parameters)}::{listing.key_type}",
        forward=forward,
        with_members=with_members,
    )
    row = allowed(await db.fetchrow(query, *parameters))
    bodies = list(row["bodies"] or ())
    places = [
        Place(ordinal, key)
        for ordinal, key in zip(row["ordinals"] or (), row["keys"] or (), strict=True)
    ]
    if not forward:
        bodies.reverse()
        places.reverse()
    first, last = (places[0], places[-1]) if places else (None, None)
    return Stretch(Page(row["total"] or 0, tuple(bodies)), row["more"], first, last)


def page_query(
    kind: Kind,
    listing: Listing,
    place: Place | None,
    place_key: str,
    *,
    forward: bool,
    with_members: bool = True,
) -> str:
    """Return the SQL of a page. ``place_key`` is the parameter with the key of the place."""
    text = sql(f"keyset_pages.list_{kind}")
    if not with_members:
        text = text.replace("/* members */ true", "false")
    if listing.where:
        text = text.replace("/* filter */ true", listing.where)
        total = f"/* total */ max(h.{kind.removesuffix('s')}_count) FROM calscim.journal_heads h WHERE h.stream = $2"
        text = text.replace(total, "count(*) FROM found")
    if listing.where or listing.key:  # else the index of the order of creation is what it takes
        text = text.replace('directory_id COLLATE "C" = $2', "directory_id = $2")
    if listing.key:
        text = text.replace("/* key */ NULL::text", listing.key)
    beyond = _beyond(listing, place, place_key, forward=forward)
    text = text.replace("/* beyond */ ordinal > $4::bigint", beyond)
    return text.replace("/* order */ ordinal", _order(listing, forward=forward))


def _beyond(listing: Listing, place: Place | None, place_key: str, *, forward: bool) -> str:
    """Return the condition for rows on the far side of a place. Rows without a value come last when ascending."""
    later = f"ordinal {'>' if forward else '<'} $4::bigint"
    if not listing.key or place is None:
        return later
    upwards = forward is not listing.descending
    if place.key is None:
        return f"(key IS NULL AND {later})" if upwards else f"(key IS NOT NULL OR {later})"
    beyond, reached = _operators(listing.key_type, upwards)
    # The first comparison is the one that an index serves.
    condition = f"key {reached} {place_key} AND (key {beyond} {place_key} OR {later})"
    return f"({condition} OR key IS NULL)" if upwards and listing.nullable else condition


def _order(listing: Listing, *, forward: bool) -> str:
    ordinal = "ordinal" if forward else "ordinal DESC"
    if not listing.key:
        return ordinal
    upwards = forward is not listing.descending
    before, _ = _operators(listing.key_type, not upwards)
    return f"key USING {before} NULLS {'LAST' if upwards else 'FIRST'}, {ordinal}"


def _operators(key_type: str, upwards: bool) -> tuple[str, str]:
    """Return the operators for "beyond" and "beyond or equal"; those of texts compare code points."""
    beyond = ">" if upwards else "<"
    return (f"~{beyond}~", f"~{beyond}=~") if key_type == "text" else (beyond, f"{beyond}=")
