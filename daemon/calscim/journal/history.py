"""Reads the journal back: rows by what they are about, the newest ones, everything as it was written."""

import base64
import hashlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from calscim import encryption
from calscim.encryption import Cipher, KeyMissing
from calscim.errors import StoreError
from calscim.names import trimmed
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

_BATCH = 500
_OF_NOTHING = hashlib.sha256().hexdigest()


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


async def rows(
    db: Database, wanted: Wanted, *, stored: bool = False
) -> AsyncGenerator[dict[str, Any], None]:
    """All of them, by stream and seq, in one snapshot and without holding them all.

    ``stored``: bodies as they are in the table, which is what the digests are of.
    """
    cipher = None if stored else db.cipher
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(sql("archives.disable_idle_timeout"))
        cursor = await connection.cursor(sql("journal.list"), *wanted.arguments())
        while batch := await cursor.fetch(_BATCH):
            for row in batch:
                yield _shown(row, cipher)


async def newest(db: Database, wanted: Wanted, count: int) -> list[dict[str, Any]]:
    """The last ones, the oldest of them first."""
    found = await db.fetch(sql("journal.list_latest"), *wanted.arguments(), count)
    return [_shown(row, db.cipher) for row in reversed(found)]


async def after(db: Database, stream: str, seq: int) -> list[dict[str, Any]]:
    found = await db.fetch(sql("journal.list_after"), stream, seq)
    return [_shown(row, db.cipher) for row in found]


async def heads(db: Database) -> dict[str, int]:
    """The last seq of every stream."""
    return {row["stream"]: row["seq"] for row in await db.fetch(sql("journal.list_heads"))}


async def streams_of(db: Database, organization: str) -> list[str]:
    """An organization's own journal and its directories'."""
    return [row["stream"] for row in await db.fetch(sql("journal.list_streams"), organization)]


async def people(db: Database, wanted: str, directories: Sequence[str] | None) -> list[str]:
    """Ids of the users, also deleted ones, who go or went by that."""
    return [
        row["id"]
        for row in await db.fetch(sql("journal.find_user_ids"), trimmed(wanted), directories)
    ]


async def group_ids(db: Database, wanted: str, directories: Sequence[str] | None) -> list[str]:
    """Ids of the groups, also deleted ones, that are or were called that."""
    return [
        row["id"]
        for row in await db.fetch(sql("journal.find_group_ids"), trimmed(wanted), directories)
    ]


@dataclass(frozen=True, slots=True)
class UsedKey:
    """A key that bodies are sealed with; of those that are stored as they came ``id`` is None."""

    id: str | None
    rows: int
    first: datetime
    last: datetime


async def used_keys(db: Database) -> list[UsedKey]:
    """What was written with which key, in the order of first use. Reads the front of every body."""
    found = await db.fetch(sql("journal.count_rows_by_key"), encryption.FRONT)
    return [UsedKey(row["id"], row["rows"], row["first"], row["last"]) for row in found]


def _shown(row: asyncpg.Record, cipher: Cipher | None) -> dict[str, Any]:
    """As ``journal --json`` shows it. The body stands as text, byte for byte; base64 where it is none.

    ``sealed_with`` is the id of its key where it was sealed. A body that cannot be opened is left out: its key is
    named in ``missing_key`` where that is the reason, and ``unreadable`` says what to do.
    ``erased``: what was taken out of it, if anything.
    """
    shown = dict(row)
    body = shown.pop("body")
    shown["effect"] = orjson.loads(row["effect"]) if row["effect"] else None
    erased = [
        name
        for name in ("body", "effect")
        if row[name] is None and row[f"{name}_digest"] != _OF_NOTHING
    ]
    if erased:
        shown["erased"] = erased
    shown["body"] = None if body is None else ""
    if not body:
        return shown
    shown["body"] = None
    if (name := encryption.sealed_with(body)) is not None:
        shown["sealed_with"] = name
    try:
        shown |= _readable(body if cipher is None else cipher.open(body))
    except KeyMissing as error:
        shown |= {"missing_key": error.key_id, "unreadable": str(error)}
    except StoreError as error:
        shown["unreadable"] = str(error)
    return shown


def _readable(body: bytes) -> dict[str, Any]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}
