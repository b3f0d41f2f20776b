"""Archives the oldest month of the journal: writes a file that can be verified on its own, then drops the partition.

Before the drop, the file is read back from the disk and compared with the journal and the rows that follow. Archiving
can be interrupted at any point and repeated. Only the owner of the database can archive.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import asyncpg

from calscim.errors import StoreError, UsageError
from calscim.journal import checkpoints
from calscim.journal.archive import file as archive_file
from calscim.journal.archive import opening_balance
from calscim.journal.archive.file import End, Walked, Writer
from calscim.journal.audit import Editor
from calscim.journal.erasure import records
from calscim.journal.erasure.records import Erasures
from calscim.journal.feed.fill import fill_up
from calscim.journal.replay import rebuild
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

_BATCH = 2_000
_ANY_MONTH = "/* month */ journal_default"
_MONTH = re.compile(r"^(?P<year>\d{4})-(?P<month>\d{2})$")


@dataclass(frozen=True, slots=True)
class Archived:
    """An archived month. ``digest``: SHA-256 of the file, also in the journal. ``checkpoint``: the file beside it.

    ``rows``: None if an earlier call archived the month.
    """

    month: str
    file: Path
    checkpoint: Path
    rows: int | None
    digest: str = field(metadata={"key": "sha256"})  # the key in JSON


async def closed_months(db: Database, keep: int) -> list[str]:
    """Return the months that can be archived, oldest first, except the last ``keep``."""
    return [row["month"] for row in await db.fetch(sql("archives.list_closed_months"), keep, None)]


async def archive(db: Database, editor: Editor, month: str, folder: Path) -> Archived:
    """Archive a month such as 2026-09 (UTC), with the connection of the owner.

    Raise UsageError if the month is not the oldest one. Repeating an interrupted call completes it.
    """
    first, partition = _named(month)
    path = folder / f"journal-{month}.jsonl.gz"
    beside = folder / f"journal-{month}.checkpoint.json"
    async with _alone(db):
        before = await db.fetchrow(sql("archives.get"), partition)
        if before:
            return _done_before(month, path, beside, before)
        await _ready(db, first, month, partition)
        checkpoints.write(beside, await checkpoints.read_heads(db))
        found = await _export(db, first, path)
        async with _with_lock_timeout(db) as connection:
            await _drop(connection, editor, first, partition, path.name, found)
    return Archived(month, path, beside, found.rows, found.digest)


def _named(month: str) -> tuple[date, str]:
    found = _MONTH.match(month)
    try:
        if found:
            first = date(int(found["year"]), int(found["month"]), 1)
            return first, f"journal_{first:%Y_%m}"
    except ValueError:
        pass
    raise UsageError(f"{month!r} is not a month: write one such as 2026-09")


@asynccontextmanager
async def _alone(db: Database) -> AsyncIterator[None]:
    async with db.connection() as connection, connection.transaction():
        await connection.execute(sql("archives.disable_idle_timeout"))
        if not await connection.fetchval(sql("archives.try_lock")):
            raise UsageError("the journal is being archived already: wait until that has ended")
        yield


@asynccontextmanager
async def _with_lock_timeout(db: Database) -> AsyncIterator[Connection]:
    """Open a transaction with a short lock timeout, so that statements behind it do not wait long."""
    async with db.connection() as connection, connection.transaction():
        await connection.execute(sql("archives.limit_lock_wait"))
        try:
            yield connection
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            raise StoreError(
                "the journal stayed in use; nothing was dropped: try again, or look in "
                "pg_stat_activity for a transaction that does not end"
            ) from error


def _done_before(month: str, path: Path, beside: Path, row: asyncpg.Record) -> Archived:
    if not path.exists():
        raise UsageError(
            f"{month} was archived on {row['archived_at']:%Y-%m-%d}, to a file called {row['file']}, "
            f"which is not in {path.parent}"
        )
    if archive_file.digest(path) != row["digest"]:
        raise StoreError(
            f"{path} is not the file that {month} was archived to on {row['archived_at']:%Y-%m-%d} "
            f"(SHA-256 {row['digest']}): look for a copy of that"
        )
    return Archived(month, path, beside, None, row["digest"])


async def _ready(db: Database, first: date, month: str, partition: str) -> None:
    found = await db.fetchrow(sql("archives.get_month"), first, partition, None)
    assert found is not None, "the journal is there"
    if not found["owner"]:
        raise UsageError(
            "only the owner of the database can archive: set database.migration_dsn to the DSN of the role "
            "that `calscim migrate` uses"
        )
    if not found["over"]:
        raise UsageError(f"{month} ended less than an hour ago, or has not ended: archive it later")
    if found["earlier"]:
        raise UsageError(f"{found['earlier']} is still in the journal: archive that first")
    if found["unsettled"]:
        async with _with_lock_timeout(db) as connection:
            await connection.fetchval(sql("partitions.move_default_rows"))
    elif not found["there"]:
        raise UsageError(f"the journal begins after {month}: choose a later month")


# ------------------------------------------------------------------ writing the file


async def _export(db: Database, first: date, path: Path) -> Walked:
    """Write the file under a temporary name, verify it, and rename it."""
    begins = {row["stream"]: row["hash"] for row in await db.fetch(sql("archives.list_beginnings"))}
    async with db.connection() as connection:
        erased = await records.load(connection)
    try:
        writer = Writer(path)
        try:
            await _write(db, first, writer)
            await asyncio.to_thread(writer.end)
            found = await asyncio.to_thread(archive_file.proven, writer.beside, begins, erased)
            if path.exists():
                await asyncio.to_thread(_replaceable, path, begins, erased, found.ends)
            writer.keep()
        finally:
            writer.forget()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror}): check that the folder exists and has space"
        ) from error
    return found


async def _write(db: Database, first: date, writer: Writer) -> None:
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(sql("archives.disable_idle_timeout"))
        cursor = await connection.cursor(sql("archives.list_month"), first)
        while batch := await cursor.fetch(_BATCH):
            await asyncio.to_thread(writer.append, batch)


def _replaceable(
    path: Path, begins: Mapping[str, str], erased: Erasures, ends: Mapping[str, End]
) -> None:
    """Return True if the file is left from an interrupted call, and not another database's archive."""
    if archive_file.walk(path, begins, erased).ends != ends:
        raise UsageError(
            f"{path} exists already and contains another journal: give a folder for this database only"
        )


# ------------------------------------------------------------------ dropping the partition


async def _drop(
    connection: Connection, editor: Editor, first: date, partition: str, file: str, found: Walked
) -> None:
    """Write the opening balances and the journal rows, and drop the partition, in one transaction."""
    await fill_up(connection)
    await connection.execute(sql("archives.lock_month").replace(_ANY_MONTH, partition))
    ends = await connection.fetch(sql("archives.list_month_ends"), first)
    _agree(ends, found, file)
    last = await connection.fetchval(sql("archives.get_month_end"), first)
    for end in ends:
        if end["directory"]:
            tables = await rebuild.replayed(connection, end["stream"], last)
            await opening_balance.write(connection, end["stream"], tables)
    organizations = sorted({end["organization"] for end in ends if end["organization"]})
    for organization in organizations:
        await connection.fetchval(sql("archives.lock_organization"), organization)
    await connection.execute(sql("archives.drop_month"), partition)
    for end in ends:
        columns = (end["stream"], end["seq"], end["at"], end["hash"])
        await connection.execute(
            sql("archives.record"), *columns, partition, file, bytes.fromhex(found.digest)
        )
    for organization in organizations:
        heads = [
            {"stream": end["stream"], "seq": end["seq"], "hash": end["hash"]}
            for end in ends
            if end["organization"] == organization
        ]
        edit = {"partition": partition, "file": file, "sha256": found.digest, "heads": heads}
        resource = ("Journal", partition)
        await editor.write(connection, organization, "journal.archive", resource, edit)


def _agree(ends: Sequence[asyncpg.Record], found: Walked, file: str) -> None:
    for end in ends:
        here = End(end["seq"], end["hash"], end["rows"])
        if found.ends.get(end["stream"]) != here or end["followed"] != end["hash"]:
            raise StoreError(
                f"the journal of {end['stream']} does not go on from where {file} ends; "
                "nothing was dropped. See `calscim journal verify`"
            )
    if len(ends) != len(found.ends):
        raise StoreError(f"{file} has streams that the database does not have; nothing was dropped")
