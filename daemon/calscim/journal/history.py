"""Reads journal rows: by criteria, the latest ones, or all of them as they are stored."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime

from calscim import encryption
from calscim.journal.row import JournalRow, journal_row
from calscim.names import trimmed
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Criteria for rows; None: no restriction.

    ``about``: ids of users and groups. A row is about a resource if it changed the resource, or if it names the
    resource and is not a row of a user, whose manager may be the person.
    """

    streams: Sequence[str] | None = None
    seq: int | None = None
    request_id: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    about: Sequence[str] | None = None

    def arguments(self) -> tuple[object, ...]:
        """Return the criteria in the order of the queries' parameters."""
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
) -> AsyncGenerator[JournalRow, None]:
    """Yield matching rows by stream and sequence number, from one snapshot, with a cursor.

    ``stored``: yield bodies as they are in the table, which the digests cover.
    """
    cipher = None if stored else db.cipher
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(sql("archives.keep_months"))
        await connection.execute(sql("archives.disable_idle_timeout"))
        cursor = await connection.cursor(sql("journal.list"), *wanted.arguments())
        while batch := await cursor.fetch(_BATCH):
            for row in batch:
                yield journal_row(row, cipher)


async def newest(db: Database, wanted: Wanted, count: int) -> list[JournalRow]:
    """Return the latest matching rows, oldest first."""
    *criteria, about = wanted.arguments()
    found = (
        await db.fetch(sql("journal.list_latest"), *criteria, count)
        if about is None
        else await db.fetch(sql("journal.list_latest_about"), *criteria, about, count)
    )
    return [journal_row(row, db.cipher) for row in reversed(found)]


async def after(db: Database, stream: str, seq: int) -> list[JournalRow]:
    found = await db.fetch(sql("journal.list_after"), stream, seq)
    return [journal_row(row, db.cipher) for row in found]


async def heads(db: Database) -> dict[str, int]:
    """Return the last sequence number of every stream."""
    return {row["stream"]: row["seq"] for row in await db.fetch(sql("journal.list_heads"))}


async def streams_of(db: Database, organization: str) -> list[str]:
    """Return the streams of an organization: its own and those of its directories."""
    return [row["stream"] for row in await db.fetch(sql("journal.list_streams"), organization)]


async def people(db: Database, wanted: str, directories: Sequence[str] | None) -> list[str]:
    """Return the ids of users, deleted ones included, that have or had this id, userName or address."""
    return [
        row["id"]
        for row in await db.fetch(sql("journal.find_user_ids"), trimmed(wanted), directories)
    ]


async def group_ids(db: Database, wanted: str, directories: Sequence[str] | None) -> list[str]:
    """Return the ids of groups, deleted ones included, that have or had this id or name."""
    return [
        row["id"]
        for row in await db.fetch(sql("journal.find_group_ids"), trimmed(wanted), directories)
    ]


@dataclass(frozen=True, slots=True)
class UsedKey:
    """A key that bodies are encrypted with. ``id`` None: the bodies are not encrypted."""

    id: str | None
    rows: int
    first: datetime
    last: datetime


async def used_keys(db: Database) -> list[UsedKey]:
    """Return the keys that bodies are encrypted with, in order of first use. Reads the start of every body."""
    found = await db.fetch(sql("journal.count_rows_by_key"), encryption.FRONT)
    return [UsedKey(row["id"], row["rows"], row["first"], row["last"]) for row in found]
