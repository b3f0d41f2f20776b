"""Lists and searches (RFC 7644 section 3.4.2): filtered, sorted and paged by Postgres."""

import re
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from calscim.directory import keyset_pages, offset_pages, resources
from calscim.directory.keyset_pages import Kind, Listing, Place, Stretch
from calscim.directory.resources import Page
from calscim.errors import ScimError
from calscim.postgres.pool import Database
from calscim.scim.filter.compile import has_index, look_up_attribute
from calscim.scim.filter.sort import compile_listing
from calscim.scim.paging.cursor_token import decrypt_cursor, encrypt_cursor
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
_TABLES: dict[str, Kind] = {"User": "users", "Group": "groups"}
_LOOK_UP = re.compile(
    r'\s*([A-Za-z.]{1,64})\s+eq\s+"([^"\\\x00-\x1f\ud800-\udfff]{1,1024})"\s*', re.IGNORECASE
)


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
        if plain is not None and (attribute := look_up_attribute(kind, plain[1])) is not None:
            found = await resources.look_up_users(x.db, x.reader, attribute, plain[2])
            return Page(len(found), found[offset : offset + count])
    listing = await _listing(x, kind, asked, beside)
    async with _connections(x, kind, asked.filter) as db:
        return await keyset_pages.page_from(
            db,
            _TABLES[kind.name],
            x.reader,
            listing,
            offset,
            count,
            with_members=asked.projection.needs("members"),
        )


async def _listing(x: Exchange, kind: Type, asked: Search, beside: Type | None) -> Listing:
    """Compile the filter and the order, in a thread of its own if the filter is long."""
    return await computed(
        x,
        lambda: compile_listing(
            kind, asked.filter, asked.sort_by, beside, descending=asked.descending
        ),
        at_once=len(asked.filter or "") <= INLINE_FILTER,
    )


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
    cipher = await x.cursor_keys.cipher(x.caller.directory)
    now = x.began.timestamp()

    async def beside(name: str, place: Place | None, count: int, forward: bool) -> Stretch:
        kind = by_name[name]
        other = next((one for one in kinds if one is not kind), None)
        return await _beside(x, kind, asked, place, count, other, forward=forward)

    position = None
    if asked.cursor:
        position = Position.of(decrypt_cursor(cipher, asked.cursor, query, asked.count, now))
    found = await walk(tuple(by_name), position, asked.count, beside)
    after, before = (
        None if beside is None else encrypt_cursor(cipher, query, asked.count, beside.value(), now)
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
    listing = await _listing(x, kind, asked, other)
    in_order = kind is USER and asked.filter is None and asked.sort_by is None  # of an index
    async with nullcontext(x.db) if in_order else _connections(x, kind, asked.filter) as db:
        return await keyset_pages.page_beside(
            db,
            _TABLES[kind.name],
            x.reader,
            listing,
            place,
            count,
            forward=forward,
            with_members=asked.projection.needs("members"),
        )


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
