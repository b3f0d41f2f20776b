"""Lists and searches (RFC 7644 section 3.4.2). Postgres filters, sorts and pages them."""

import re
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from calscim.directory import keyset_pages, resources
from calscim.directory.keyset_pages import Kind, Listing, Place, Stretch
from calscim.directory.resources import Page
from calscim.errors import ScimError
from calscim.postgres.pool import Database
from calscim.scim.filter.compile import has_index, look_up_attribute
from calscim.scim.filter.sort import compile_listing
from calscim.scim.paging.cursor_token import decrypt_cursor, encrypt_cursor
from calscim.scim.paging.traverse import Position, read_page
from calscim.scim.projection import Projection
from calscim.scim.request import RequestContext, compute
from calscim.scim.responses import cursor_page_json, json_response, list_json
from calscim.scim.schema import DEFAULT_COUNT, GROUP, MAX_RESULTS, USER, Type

# Characters of a page up to which the event loop itself projects it: 100 users of Okta, which take 3 ms.
INLINE_PAGE = 100_000
# Characters of a filter up to which the event loop itself compiles it: about 2 ms. One of 8,192 takes up to 20 ms.
INLINE_FILTER = 1024
_MAX_NUMBER = 2**53
_NAMES = frozenset({"attributes", "excludedattributes"})
_SINGLE = frozenset({"filter", "sortby", "sortorder", "startindex", "count", "cursor"})
_TEXTS = {"filter": "filter", "sortby": "sortBy", "sortorder": "sortOrder", "cursor": "cursor"}
_TABLES: dict[str, Kind] = {"User": "users", "Group": "groups"}
_LOOK_UP = re.compile(
    r'\s*([A-Za-z.]{1,64})\s+eq\s+"([^"\\\x00-\x1f\ud800-\udfff]{1,1024})"\s*', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class SearchParameters:
    """The parameters of a search, from a query or a body."""

    filter: str | None
    sort_by: str | None
    descending: bool
    start: int
    count: int
    cursor: str | None  # None: page by index; "": the first page of a cursor
    projection: Projection

    @classmethod
    def of(cls, given: Any) -> "SearchParameters":
        """Return the parameters of a query or of the body of a .search. Raise ScimError(400) for an invalid one."""
        low = _by_name(given)
        for name, written in _TEXTS.items():
            if low.get(name) is not None and not isinstance(low[name], str):
                raise ScimError(400, f"{written} must be a string", "invalidValue")
        order = (low.get("sortorder") or "ascending").lower()
        if order not in ("ascending", "descending"):
            raise ScimError(400, "sortOrder must be ascending or descending", "invalidValue")
        if low.get("cursor") is not None and low.get("startindex") not in (None, ""):
            raise ScimError(
                400, "cursor and startIndex exclude each other: send one of them", "invalidValue"
            )
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


def _by_name(given: Any) -> dict[str, Any]:
    """Return the parameters by lower-case name. Raise ScimError(400) for two values of one, except names to return."""
    low: dict[str, Any] = {}
    for name, value in given.items():
        key = str(name).lower()
        present = low.get(key)
        if key in _SINGLE and present not in (None, value):
            raise ScimError(400, f"{name} has several values: send one of them", "invalidValue")
        is_repeated = key in _NAMES and isinstance(present, str) and isinstance(value, str)
        low[key] = f"{present},{value}" if is_repeated else value
    return low


def _number(name: str, value: Any, default: int) -> int:
    if value is None or value == "":
        return default
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON may write 5 as 5.0
    try:
        return max(-_MAX_NUMBER, min(int(str(value)), _MAX_NUMBER))
    except ValueError as error:
        raise ScimError(400, f"{name} must be a whole number", "invalidValue") from error


def _names(value: Any) -> str | None:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return ",".join(value)
    if value is not None and not isinstance(value, str):
        raise ScimError(
            400, "attributes and excludedAttributes must be lists of names", "invalidValue"
        )
    return value


async def search(ctx: RequestContext, kind: Type, given: Any) -> web.Response:
    """Return a page of one resource type."""
    params = SearchParameters.of(given)
    if params.cursor is not None:
        return await _cursor_page(ctx, params, (kind,))
    page = await _page(ctx, kind, params, params.start - 1, params.count)
    return await _index_response(ctx, params, page)


async def search_all(ctx: RequestContext, given: Any) -> web.Response:
    """Return a page of one list of all users, then all groups. An attribute that one type lacks has no value there."""
    params = SearchParameters.of(given)
    if params.cursor is not None:
        return await _cursor_page(ctx, params, (USER, GROUP))
    users = await _page(ctx, USER, params, params.start - 1, params.count, GROUP)
    left = params.count - len(users.bodies)
    offset = max(0, params.start - 1 - users.total)
    groups = await _page(ctx, GROUP, params, offset, left, USER)
    return await _index_response(
        ctx, params, Page(users.total + groups.total, users.bodies + groups.bodies)
    )


async def _page(
    ctx: RequestContext,
    kind: Type,
    params: SearchParameters,
    offset: int,
    count: int,
    beside: Type | None = None,
) -> Page:
    if kind is USER and params.sort_by is None:
        if params.filter is None:
            return await ctx.offset_pages.users_page(ctx.reader, offset, count)
        plain = _LOOK_UP.fullmatch(params.filter)
        if plain is not None and (attribute := look_up_attribute(kind, plain[1])) is not None:
            found = await resources.look_up_users(ctx.db, ctx.reader, attribute, plain[2])
            return Page(len(found), found[offset : offset + count])
    listing = await _listing(ctx, kind, params, beside)
    async with _connections(ctx, kind, params.filter) as db:
        stretch = await keyset_pages.read_page(
            db,
            _TABLES[kind.name],
            ctx.reader,
            listing,
            count,
            offset=offset,
            with_members=params.projection.needs("members"),
        )
    return stretch.page


async def _listing(
    ctx: RequestContext, kind: Type, params: SearchParameters, beside: Type | None
) -> Listing:
    """Return the compiled filter and order; a long filter is compiled off the event loop."""
    return await compute(
        ctx,
        lambda: compile_listing(
            kind, params.filter, params.sort_by, beside, descending=params.descending
        ),
        at_once=len(params.filter or "") <= INLINE_FILTER,
    )


def _connections(
    ctx: RequestContext, kind: Type, filter_text: str | None
) -> AbstractAsyncContextManager[Database]:
    """Return the database for a list: the share that searches may use if no index serves the filter."""
    if filter_text is not None and has_index(kind, filter_text):
        return nullcontext(ctx.db)
    return ctx.db.searching()


async def _cursor_page(
    ctx: RequestContext, params: SearchParameters, kinds: tuple[Type, ...]
) -> web.Response:
    """Return a page of a list with cursors (RFC 9865)."""
    by_name = {kind.name: kind for kind in kinds}
    query = repr((*by_name, params.filter, params.sort_by, params.descending))
    cipher = await ctx.cursor_keys.cipher(ctx.caller.directory)
    now = ctx.began.timestamp()

    async def beside(name: str, place: Place | None, count: int, forward: bool) -> Stretch:
        kind = by_name[name]
        other = next((other for other in kinds if other is not kind), None)
        return await _beside(ctx, kind, params, place, count, other, forward=forward)

    position = None
    if params.cursor:
        position = Position.from_json(
            decrypt_cursor(cipher, params.cursor, query, params.count, now)
        )
    found = await read_page(tuple(by_name), position, params.count, beside)
    after, before = (
        None
        if position is None
        else encrypt_cursor(cipher, query, params.count, position.to_json(), now)
        for position in (found.after, found.before)
    )
    bodies = await _project_all(ctx, params, found.page.bodies)
    return json_response(
        cursor_page_json(bodies, total=found.page.total, after=after, before=before)
    )


async def _beside(
    ctx: RequestContext,
    kind: Type,
    params: SearchParameters,
    place: Place | None,
    count: int,
    other: Type | None,
    *,
    forward: bool,
) -> Stretch:
    listing = await _listing(ctx, kind, params, other)
    is_import = kind is USER and params.filter is None and params.sort_by is None
    async with nullcontext(ctx.db) if is_import else _connections(ctx, kind, params.filter) as db:
        return await keyset_pages.read_page(
            db,
            _TABLES[kind.name],
            ctx.reader,
            listing,
            count,
            place=place,
            forward=forward,
            with_members=params.projection.needs("members"),
        )


async def _index_response(
    ctx: RequestContext, params: SearchParameters, page: Page
) -> web.Response:
    bodies = await _project_all(ctx, params, page.bodies)
    return json_response(list_json(bodies, total=page.total, start=params.start))


async def _project_all(
    ctx: RequestContext, params: SearchParameters, bodies: tuple[str, ...]
) -> tuple[str, ...]:
    if not params.projection:
        return bodies

    def project() -> tuple[str, ...]:
        return tuple(
            orjson.dumps(params.projection.apply(orjson.loads(body))).decode() for body in bodies
        )

    return await compute(ctx, project, at_once=sum(map(len, bodies)) <= INLINE_PAGE)
