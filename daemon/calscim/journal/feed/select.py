"""Derives the changes of journal rows that match criteria, for an export. The change feed is not used or filled."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from calscim.journal.feed.derive import Names, Row, changes
from calscim.journal.feed.event import Change, event_id
from calscim.journal.feed.rows import load_names, load_rows
from calscim.journal.history import Wanted
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

_BATCH = 500


@dataclass(frozen=True, slots=True)
class RowChange:
    """A change with the row that made it. ``id``: the id of the same change in the feed."""

    id: str
    at: datetime
    stream: str
    seq: int
    kind: str
    request_id: str
    method: str
    path: str
    status: int
    remote: str
    directory: str | None
    provider: str | None
    organization: str | None
    change: Change


async def row_changes(db: Database, wanted: Wanted) -> AsyncGenerator[RowChange, None]:
    """Yield the changes of the matching rows by stream and sequence number, from one snapshot."""
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(sql("archives.keep_months"))
        await connection.execute(sql("archives.disable_idle_timeout"))
        cursor = await connection.cursor(sql("events.list_matching_rows"), *wanted.arguments())
        while batch := await cursor.fetch(_BATCH):
            rows = await load_rows(connection, batch)
            names = await load_names(connection, rows)
            for found in await asyncio.to_thread(_derived, batch, rows, names):
                yield found


def _derived(
    records: Sequence[asyncpg.Record], rows: Sequence[Row], names: Names
) -> list[RowChange]:
    return [
        RowChange(
            id=event_id(record["hash"], index),
            at=record["at"],
            stream=record["stream"],
            seq=record["seq"],
            kind=record["kind"],
            request_id=record["request_id"],
            method=record["method"],
            path=record["path"],
            status=record["status"],
            remote=record["remote"],
            directory=record["directory"],
            provider=record["provider"],
            organization=record["organization"],
            change=change,
        )
        for record, row in zip(records, rows, strict=True)
        for index, change in enumerate(changes(row, names))
    ]
