"""Reads pages of the change feed, which is brought up to date first."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from calscim.errors import StoreUnavailable
from calscim.journal.feed.event import Event
from calscim.journal.feed.fill import fill
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

PATIENCE = 5.0  # seconds in which a request brings the feed up to date; the next request continues


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order. ``deleted_seq``: the last position that was deleted because it was old."""

    events: Sequence[Event]
    deleted_seq: int = 0


async def page(
    db: Database,
    after: int,
    limit: int,
    since: datetime | None = None,
    organization: str | None = None,
) -> Page:
    """Return the next events after a position, at most ``limit``. ``since``: the oldest time that has events.

    ``organization``: the only one whose events are returned; None: all.

    Raise StoreUnavailable if the database does not answer, or if another transaction keeps the feed locked.
    """
    until = asyncio.get_running_loop().time() + PATIENCE
    while len((found := await _stored(db, after, limit, organization)).events) < limit:
        try:
            is_behind = await fill(db, since)
        except asyncpg.LockNotAvailableError as error:
            if found.events:
                break
            raise StoreUnavailable(
                "another program writes to the change feed: send the request again"
            ) from error
        if not is_behind or asyncio.get_running_loop().time() > until:
            found = await _stored(db, after, limit, organization)
            break
    return found


async def _stored(db: Database, after: int, limit: int, organization: str | None) -> Page:
    async with db.connection() as connection:
        rows = await connection.fetch(sql("events.list"), after, limit, organization)
        head = await connection.fetchrow(sql("events.get_head"))
    return Page([Event(**row) for row in rows], 0 if head is None else head["deleted_seq"])


async def delete_old(db: Database, seconds: float) -> None:
    """Delete the events that are older than so many seconds."""
    await db.execute(sql("events.delete_old"), seconds)
