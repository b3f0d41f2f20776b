"""Lists and searches (RFC 7644 section 3.4.2): filtered, sorted and paged by Postgres."""

import re
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from aiohttp import web

from calscim.directory import keyset_pages, offset_pages, resources
from calscim.directory.keyset_pages import Keyset, Place, Stretch
from calscim.directory.resources import Page, Selection
from calscim.errors import ScimError
from calscim.postgres.pool import Database
from calscim.scim.filter.compile import compile_filter, has_index
from calscim.scim.filter.sort import compile_keyset, compile_sort, lacks
from calscim.scim.paging import cursor_token
from calscim.scim.paging.traverse import Position, walk
from calscim.scim.projection import Projection
from calscim.scim.request import Exchange, computed
from calscim.scim.responses import json_response, list_text, page_text
from calscim.scim.schema import DEFAULT_COUNT, GROUP, MAX_RESULTS, USER, Type

# Characters of a page up to which attributes are left out at once: 100 users of Okta's, which take 3 ms.
INLINE_PAGE = 100_000
# Characters of a filter up to which it is read and compiled at once: about 2 ms. One of 8,192 takes up to 20.
INLINE_FILTER = 1024
_FAR = 2**53
_LOOK_UP = re.compile(
    r'\s*(userName|email|emails|emails\.value|externalId)\s+eq\s+"([^"\\\x00-\x1f\ud800-\udfff]{1,1024})"\s*',
    re.IGNORECASE,
)
_COLUMNS: dict[str, Literal["name", "email", "external_id"]] = {
    "username": "name",
    "email": "email",
    "emails": "email",
    "emails.value": "email",
    "externalid": "external_id",
}


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for, by query or by body."""

    filter: str | None
    sort_by: str | None
    descending: bool
    start: int
    count: int
    cursor: str | None  # None: by index, empty: the first page
    projection: Projection

    @classmethod
    def of(cls, given: Any) -> "Search":
        """ScimError 400 for numbers that are none. ``given``: a query or the body of a .search."""
        low = {str(name).lower(): value for name, value in given.items()}
        order = str(low.get("sortorder") or "ascending").lower()
        if order not in ("ascending", "descending"):
            raise ScimError(400, "sortOrder is ascending or descending", "invalidValue")
        for name in ("filter", "sortby", "cursor"):
            if low.get(name) is not None and not isinstance(low[name], str):
                raise ScimError(400, f"{name} takes a text", "invalidValue")
        if low.get("cursor") is not None and low.get("startindex") not in (None, ""):
            raise ScimError(400, "give either a cursor or startIndex, not both", "invalidValue")
        return cls(
            filter=low.get("filter") or None,
            sort_by=low.get("sortby") or None,
            descending=order == "descending",
            start=max(1, _number("startIndex", low.get("startindex"), 1)),
            count=min(MAX_RESULTS, max(0, _number("count", low.get("count"), DEFAULT_COUNT))),
            cursor=low.get("cursor"),
            projection=Projection.of(
                _names(low.get("attributes")), _names(low.get("excludedattributes"))
            ),
        )


def _number(name: str, value: Any, default: int) -> int:
    if value is None or value == "":
        return default
    try:
        return max(-_FAR, min(int(str(value)), _FAR))
    except ValueError as error:
        raise ScimError(400, f"{name} takes a whole number", "invalidValue") from error


def _names(value: Any) -> str | None:
    if isinstance(value, list):
        return ",".join(str(name) for name in value)
    if value is not None and not isinstance(value, str):
        raise ScimError(400, "attributes takes names", "invalidValue")
    return value


async def search(x: Exchange, kind: Type, given: Any) -> web.Response:
    """A page of one resource type."""
    asked = Search.of(given)
    if asked.cursor is not None:
        return await _walked(x, asked, (kind,))
    page = await _page(x, kind, asked, asked.start - 1, asked.count)
    return await _shown(x, asked, page)


async def search_all(x: Exchange, given: Any) -> web.Response:
    """Users, then groups, as one list; an attribute that one of them lacks has no value there."""
    asked = Search.of(given)
    if asked.cursor is not None:
        return await _walked(x, asked, (USER, GROUP))
    users = await _page(x, USER, asked, asked.start - 1, asked.count, GROUP)
    left = asked.count - len(users.bodies)
    offset = max(0, asked.start - 1 - users.total)
    groups = await _page(x, GROUP, asked, offset, left, USER)
    return await _shown(x, asked, Page(users.total + groups.total, users.bodies + groups.bodies))


async def _page(
    x: Exchange, kind: Type, asked: Search, offset: int, count: int, beside: Type | None = None
) -> Page:
    if kind is USER and asked.sort_by is None:
        if asked.filter is None:
            return await offset_pages.users_page(x.db, x.reader, offset, count)
        plain = _LOOK_UP.fullmatch(asked.filter)
        if plain is not None and plain[2].strip() == plain[2]:  # no need of a grammar
            column = _COLUMNS[plain[1].lower()]
            found = await resources.users_looked_up(x.db, x.reader, column, plain[2])
            return Page(len(found), found[offset : offset + count])
    selection = Selection()
    if (text := asked.filter) is not None:
        at_once = len(text) <= INLINE_FILTER
        selection = await computed(x, lambda: compile_filter(kind, text, beside), at_once=at_once)
    if asked.sort_by is not None and not lacks(kind, asked.sort_by, beside):
        selection = compile_sort(
            kind, asked.sort_by, descending=asked.descending, selection=selection
        )
    async with _connections(x, kind, asked.filter) as db:
        if kind is USER:
            return await resources.users_found(db, x.reader, selection, offset, count)
        members = asked.projection.needs("members")
        return await resources.groups_found(db, x.reader, selection, offset, count, members=members)


def _connections(
    x: Exchange, kind: Type, filter_text: str | None
) -> AbstractAsyncContextManager[Database]:
    """The database for a list, or its share of it if no index serves the filter."""
    if filter_text is not None and has_index(kind, filter_text):
        return nullcontext(x.db)
    return x.db.searching()


async def _walked(x: Exchange, asked: Search, kinds: tuple[Type, ...]) -> web.Response:
    """A page of a cursor (RFC 9865)."""
    by_name = {kind.name: kind for kind in kinds}
    query = repr((*by_name, asked.filter, asked.sort_by, asked.descending))
    sealing = await cursor_token.of_directory(x.db, x.caller.directory)
    now = x.began.timestamp()

    async def beside(name: str, place: Place | None, count: int, forward: bool) -> Stretch:
        kind = by_name[name]
        other = next((one for one in kinds if one is not kind), None)
        return await _beside(x, kind, asked, place, count, other, forward=forward)

    position = (
        Position.of(sealing.open(asked.cursor, query, asked.count, now)) if asked.cursor else None
    )
    found = await walk(tuple(by_name), position, asked.count, beside)
    after, before = (
        None if beside is None else sealing.seal(query, asked.count, beside.value(), now)
        for beside in (found.after, found.before)
    )
    bodies = await _projected(x, asked, found.page.bodies)
    return json_response(page_text(bodies, total=found.page.total, after=after, before=before))


async def _beside(
    x: Exchange,
    kind: Type,
    asked: Search,
    place: Place | None,
    count: int,
    other: Type | None,
    *,
    forward: bool,
) -> Stretch:
    keyset = await computed(
        x,
        lambda: keyset_of(kind, asked.filter, asked.sort_by, other, descending=asked.descending),
        at_once=len(asked.filter or "") <= INLINE_FILTER,
    )
    if kind is USER and asked.filter is None and asked.sort_by is None:  # in the order of an index
        return await keyset_pages.users_beside(
            x.db, x.reader, keyset, place, count, forward=forward
        )
    async with _connections(x, kind, asked.filter) as db:
        if kind is USER:
            return await keyset_pages.users_beside(
                db, x.reader, keyset, place, count, forward=forward
            )
        members = asked.projection.needs("members")
        return await keyset_pages.groups_beside(
            db, x.reader, keyset, place, count, forward=forward, members=members
        )


def keyset_of(
    kind: Type,
    filter_text: str | None,
    sort_by: str | None,
    beside: Type | None = None,
    *,
    descending: bool,
) -> Keyset:
    """What a cursor goes through. ScimError 400 for a filter or an order that cannot be.

    ``beside``: the other type of a list of both.
    """
    selection = Selection() if filter_text is None else compile_filter(kind, filter_text, beside)
    if sort_by is None or lacks(kind, sort_by, beside):
        return Keyset(selection.where, parameters=selection.parameters)
    return compile_keyset(kind, sort_by, descending=descending, selection=selection)


async def _shown(x: Exchange, asked: Search, page: Page) -> web.Response:
    bodies = await _projected(x, asked, page.bodies)
    return json_response(list_text(bodies, total=page.total, start=asked.start))


async def _projected(x: Exchange, asked: Search, bodies: tuple[str, ...]) -> tuple[str, ...]:
    if not asked.projection:
        return bodies

    def project() -> tuple[str, ...]:
        return tuple(
            orjson.dumps(asked.projection.apply(orjson.loads(body))).decode() for body in bodies
        )

    return await computed(x, project, at_once=sum(map(len, bodies)) <= INLINE_PAGE)
