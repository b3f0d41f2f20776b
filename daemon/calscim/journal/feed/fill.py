"""Adds what the journal has and the change feed lacks to the feed, when a consumer reads it.

SCIM requests and passes do nothing for the feed. One transaction at a time adds events: it locks the head of the feed,
reads the rows beyond the offset of each stream, and writes events, offsets and head together. The rows of a stream are
complete and in the order of commits up to its head, so that no row is missed and none is added twice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
import orjson

from calscim.journal.feed.derive import Names, Row, changes
from calscim.journal.feed.event import Change, event_id
from calscim.journal.feed.rows import load_names, load_rows
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

BATCH = 500  # journal rows in one transaction
_CHUNK = 1000  # events in one statement

Columns = tuple[object, ...]


async def fill(db: Database, since: datetime | None = None) -> bool:
    """Add the events of the next rows and put the feed into use. Return True if rows may be left.

    ``since``: rows before this time give no events. Raise asyncpg.LockNotAvailableError if another transaction adds
    events for longer than two seconds.
    """
    if not await db.fetchval(sql("events.is_behind")):
        return False
    async with db.connection() as connection, connection.transaction():
        await connection.execute(sql("events.prepare"))
        await connection.execute(sql("events.create_head"))
        head = await connection.fetchval(sql("events.lock_head"))
        return await _add(connection, head, since) == BATCH


async def fill_up(connection: Connection) -> None:
    """Add the events of all rows, and keep the feed locked until the caller's transaction ends.

    Adds nothing if the feed was never used. Whoever removes rows or effects from the journal calls this first.
    """
    await connection.execute(sql("events.lock_feed"))
    while (head := await connection.fetchval(sql("events.lock_head"))) is not None:
        if await _add(connection, head, None) < BATCH:
            return


async def _add(connection: Connection, head: int, since: datetime | None) -> int:
    """Add the events of the next rows after position ``head``; return how many rows there were."""
    rows = await connection.fetch(sql("events.list_new_rows"), BATCH, since)
    if not rows:
        return 0
    loaded = await load_rows(connection, rows)
    names = await load_names(connection, loaded)
    directories = {
        row["id"]: row["name"] for row in await connection.fetch(sql("events.list_directory_names"))
    }
    # In a thread: a group of many members is one row.
    events = await asyncio.to_thread(_events, rows, loaded, names, directories, head)
    for start in range(0, len(events), _CHUNK):
        columns = zip(*events[start : start + _CHUNK], strict=True)
        await connection.execute(sql("events.add"), *map(list, columns))
    if events:
        await connection.execute(sql("events.set_head"), head + len(events))
    offsets = {row["stream"]: row["seq"] for row in rows}
    await connection.execute(sql("events.advance"), list(offsets), list(offsets.values()))
    return len(rows)


def _events(
    records: Sequence[asyncpg.Record],
    rows: Sequence[Row],
    names: Names,
    directories: Mapping[str, str],
    head: int,
) -> list[Columns]:
    """Return the columns of the events, in the order of events.add."""
    events: list[Columns] = []
    for record, row in zip(records, rows, strict=True):
        for index, change in enumerate(changes(row, names)):
            events.append(
                (
                    head + len(events) + 1,
                    event_id(record["hash"], index),
                    record["at"],
                    change.type,
                    record["directory"] or directories.get(_directory_of(row, change)),
                    record["organization"],
                    record["stream"],
                    record["seq"],
                    change.user_id,
                    orjson.dumps(change.data).decode(),
                )
            )
    return events


def _directory_of(row: Row, change: Change) -> str:
    """Return the id of the directory that an operator's edit is about, or an empty string."""
    if row.resource_type == "Directory":
        return row.resource_id
    details = change.data.get("details")
    if not isinstance(details, dict):
        return ""
    if details.get("scope") == "directory":
        return str(details.get("target"))
    return str(details.get("directory", ""))
