"""Reads the journal back: rows by what they are about, the newest ones, everything as it was written."""

import base64
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from calscim.store.pool import Database
from calscim.store.sql import sql

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What rows are asked for; None: whatever. ``about``: ids of users, groups, mappings and the like."""

    streams: Sequence[str] | None = None
    seq: int | None = None
    request_id: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    about: Sequence[str] | None = None

    def arguments(self) -> tuple[object, ...]:
        """In the order of the queries."""
        return (
            self.streams,
            self.seq,
            self.request_id,
            self.kind,
            self.since,
            self.until,
            self.about,
        )


async def rows(db: Database, wanted: Wanted) -> AsyncGenerator[dict[str, Any], None]:
    """All of them, by stream and seq, in one snapshot and without holding them all."""
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        cursor = await connection.cursor(sql("history.rows"), *wanted.arguments())
        while batch := await cursor.fetch(_BATCH):
            for row in batch:
                yield _shown(row)


async def newest(db: Database, wanted: Wanted, count: int) -> list[dict[str, Any]]:
    """The last ones, the oldest of them first."""
    found = await db.fetch(sql("history.newest"), *wanted.arguments(), count)
    return [_shown(row) for row in reversed(found)]


async def after(db: Database, stream: str, seq: int) -> list[dict[str, Any]]:
    return [_shown(row) for row in await db.fetch(sql("history.after"), stream, seq)]


async def heads(db: Database) -> dict[str, int]:
    """The last seq of every stream."""
    return {row["stream"]: row["seq"] for row in await db.fetch(sql("history.heads"))}


async def streams_of(db: Database, organization: str) -> list[str]:
    """An organization's own journal and its directories'."""
    return [row["stream"] for row in await db.fetch(sql("history.streams_of"), organization)]


async def people(db: Database, wanted: str, directories: Sequence[str] | None) -> list[str]:
    """Ids of the users, also deleted ones, who go or went by that."""
    return [row["id"] for row in await db.fetch(sql("history.people"), wanted, directories)]


async def group_ids(db: Database, wanted: str, directories: Sequence[str] | None) -> list[str]:
    """Ids of the groups, also deleted ones, that are or were called that."""
    return [row["id"] for row in await db.fetch(sql("history.group_ids"), wanted, directories)]


def _shown(row: asyncpg.Record) -> dict[str, Any]:
    """As ``journal --json`` shows it. The body stands as text, byte for byte; base64 where it is none."""
    shown = dict(row)
    body = shown.pop("body")
    shown["effect"] = orjson.loads(row["effect"]) if row["effect"] else None
    try:
        shown["body"] = None if body is None else body.decode()
    except UnicodeDecodeError:
        shown["body"] = None
        shown["body_base64"] = base64.b64encode(body).decode()
    return shown
