"""Activity: the journal with filters, one row with its body, a download, and verification of the chain."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from urllib.parse import urlencode

import orjson
from aiohttp import web

from calscim import admin
from calscim.admin.as_json import as_json
from calscim.admin.console_access import ConsoleRole
from calscim.admin.journal_verify import verify_journal
from calscim.console.errors import NotFoundError
from calscim.console.rendering import page
from calscim.console.security import requires
from calscim.console.services import services, session
from calscim.errors import UsageError
from calscim.journal import history
from calscim.journal.history import Wanted
from calscim.journal.row import JournalRow
from calscim.postgres.pool import Database

routes = web.RouteTableDef()

ROWS = 100  # of a page
KINDS = {
    "scim": "accepted from the identity provider",
    "refused": "refused with 4xx",
    "import": "found in Cal.com",
    "admin": "edited by an operator",
    "calcom": "changed in Cal.com",
}
_SEARCH_LIMIT = 5.0  # seconds; a search without a match reads the whole journal
_FILTERS = ("directory", "kind", "person", "group", "request", "since", "until")


@routes.get("/activity")
async def show(request: web.Request) -> web.StreamResponse:
    """Show the latest rows that match the filters."""
    known, filters = services(request), _filters(request)
    db = known.db.within(_SEARCH_LIMIT)
    wanted = await _wanted(db, filters)
    found = await history.newest(db, wanted, ROWS) if wanted is not None else []
    found.reverse()
    older = None
    if len(found) == ROWS:
        older = _link(filters | {"until": found[-1].at})
    return page(
        request,
        "activity.html",
        rows=[(row, row.about) for row in found],
        filters=filters,
        without={name: _link({**filters, name: ""}) for name in filters},
        directories={one.id: one.name for one in await admin.directories(db)},
        kinds=KINDS,
        older=older,
        download="/activity/download?" + urlencode(filters),
    )


@routes.get("/activity/download")
@requires(ConsoleRole.OPERATOR)
async def download(request: web.Request) -> web.StreamResponse:
    """Answer with the matching rows as lines of JSON, oldest first, with their bodies."""
    wanted = await _wanted(services(request).db, _filters(request))
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/x-ndjson",
            "Content-Disposition": 'attachment; filename="journal.jsonl"',
        }
    )
    await response.prepare(request)
    if wanted is not None:
        async with aclosing(history.rows(services(request).db, wanted)) as rows:
            async for batch in _batches(rows):
                await response.write(batch)
    await response.write_eof()
    return response


@routes.get("/activity/verify")
@requires(ConsoleRole.OPERATOR)
async def verify(request: web.Request) -> web.StreamResponse:
    """Verify the hash chain of every journal."""
    found = await verify_journal(services(request).db, width=2)
    return page(request, "activity_verify.html", found=found)


@routes.get("/activity/{stream}/{seq:\\d{1,18}}")
async def show_row(request: web.Request) -> web.StreamResponse:
    """Show one row; its body and its effect to operators only."""
    stream, seq = request.match_info["stream"], int(request.match_info["seq"])
    wanted = Wanted(streams=[stream], seq=seq)
    found = await history.newest(services(request).db, wanted, 1)
    if not found:
        raise NotFoundError(
            "There is no such row in the database: it may be in an archived month (`calscim journal show`)."
        )
    row = found[0]
    may_read = session(request).role.includes(ConsoleRole.OPERATOR)
    return page(
        request,
        "activity_row.html",
        row=row,
        plain=dict(row.columns()),
        may_read=may_read,
        body=_pretty(row) if may_read else None,
        effect=_indented(row.effect) if may_read and row.effect else None,
    )


async def _batches(rows: AsyncIterator[JournalRow]) -> AsyncIterator[bytes]:
    lines: list[bytes] = []
    async for row in rows:
        lines.append(as_json(row) + b"\n")
        if len(lines) == 200:
            yield b"".join(lines)
            lines = []
    yield b"".join(lines)


def _filters(request: web.Request) -> dict[str, str]:
    return {name: value for name in _FILTERS if (value := request.query.get(name, "").strip())}


def _link(filters: Mapping[str, str]) -> str:
    return "/activity?" + urlencode({name: value for name, value in filters.items() if value})


async def _wanted(db: Database, filters: Mapping[str, str]) -> Wanted | None:
    """Return the criteria; None if nothing can match. UsageError for a filter that cannot be read."""
    streams = [filters["directory"]] if "directory" in filters else None
    named: list[str] | None = None
    if "person" in filters:
        named = await history.people(db, filters["person"], streams)
    if "group" in filters:
        named = [*(named or []), *await history.group_ids(db, filters["group"], streams)]
    if named == []:
        return None
    if filters.get("kind", "scim") not in KINDS:
        raise UsageError(f"there is no kind {filters['kind']!r}: choose one of {', '.join(KINDS)}")
    return Wanted(
        streams=streams or await _streams(db, filters.get("kind")),
        request_id=filters.get("request"),
        kind=filters.get("kind"),
        since=_moment(filters, "since"),
        until=_moment(filters, "until"),
        about=named,
    )


async def _streams(db: Database, kind: str | None) -> list[str] | None:
    """Return the streams that can have rows of the kind, so that the others are not searched; None for all."""
    if kind is None:
        return None
    of_organizations = kind in {"admin", "calcom"}
    return [
        stream for stream in await history.heads(db) if stream.startswith("@") == of_organizations
    ]


def _moment(filters: Mapping[str, str], name: str) -> datetime | None:
    text = filters.get(name)
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is not a time: write it as 2026-11-29 or 2026-11-29T10:00Z"
        ) from None


def _pretty(row: JournalRow) -> str:
    text = row.content or ""
    try:
        return _indented(orjson.loads(text))
    except orjson.JSONDecodeError:
        return text


def _indented(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
