"""Verifies the journal: checks the hash chain of every stream. docs/reference/journal.md defines the chain.

A query builds the text that a hash covers, and this module hashes it, so that a changed row and a replaced function are
both noticed. Verification starts after archived months. The owner of the database can still rewrite a whole chain,
which only published checkpoints reveal. A missing body or effect is valid if a row of the chain says that it was
erased.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import asyncpg

from calscim.errors import StoreError, StoreUnavailable
from calscim.journal.erasure import records
from calscim.journal.erasure.records import Erasures
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

GENESIS = bytes(32)
_PIECE = 50_000  # rows that a connection verifies at a time
_BATCH = 5_000
_FIRST, _LAST = -(2**63), 2**63 - 1  # also covers rows with sequence numbers that cannot occur
_REWRITTEN = "differs from the row in the checkpoint: the chain was rewritten"

Progress: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of a stream; a checkpoint if it was published."""

    stream: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first invalid row of a stream. ``at`` None: the row is missing."""

    stream: str
    seq: int
    why: str
    at: datetime | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    rows: int
    heads: tuple[Head, ...]  # of valid streams
    broken: tuple[Broken, ...]  # one per invalid stream


async def verify(
    db: Database,
    checkpoints: Mapping[str, Head] | None = None,
    progress: Progress | None = None,
    *,
    width: int = 1,
) -> Verdict:
    """Verify all streams in one snapshot, over up to ``width`` connections, or fewer if the pool has no more.

    ``progress`` is called with the number of rows of each verified batch.
    """
    kept = dict(checkpoints or {})
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(sql("archives.keep_months"))
        await connection.execute(sql("archives.disable_idle_timeout"))
        streams = await connection.fetch(sql("journal_chain.list_streams"))
        erased = await records.load(connection)
        pieces = [
            piece for row in streams for piece in _pieces(row, kept.get(row["stream"]), erased)
        ]
        await _Walk(db, connection, iter(pieces), progress or _ignore_progress).all(
            min(width, len(pieces)) - 1
        )
    heads, broken = [], []
    for row in streams:
        stream = row["stream"]
        mine = [piece for piece in pieces if piece.stream == stream]
        found = _check_pieces(row, mine) or _check_end(row, mine[-1], kept.get(stream))
        if found:
            broken.append(found)
        else:
            heads.append(Head(stream, mine[-1].seq, mine[-1].hash.hex()))
        kept.pop(stream, None)
    broken += [_gone(checkpoint) for checkpoint in kept.values() if checkpoint.seq > 0]
    return Verdict(sum(piece.rows for piece in pieces), tuple(heads), tuple(broken))


async def size(db: Database) -> int:
    """Return the approximate number of rows to verify."""
    return int(await db.fetchval(sql("journal_chain.estimate_size")))


def _ignore_progress(_: int) -> None:
    """Ignore the progress."""


@dataclass(frozen=True, slots=True)
class _Walk:
    """Distributes pieces among connections, all with the snapshot of the first one."""

    db: Database
    connection: Connection
    pieces: "Iterator[_Piece]"
    progress: Progress
    _waiting: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def all(self, helpers: int) -> None:
        if helpers < 1:
            await self._walk(self.connection)
            return
        snapshot = await self.connection.fetchval(sql("journal_chain.export_snapshot"))
        try:
            async with asyncio.TaskGroup() as group:
                self._waiting.update(
                    group.create_task(self._help(snapshot)) for _ in range(helpers)
                )
                await self._walk(self.connection)
                for (
                    task
                ) in self._waiting:  # no piece is left for tasks that still wait for a connection
                    task.cancel()
        except* StoreError as errors:
            raise errors.exceptions[0] from None

    async def _help(self, snapshot: str) -> None:
        task = asyncio.current_task()
        assert task is not None, "it runs in one"
        try:
            async with (
                self.db.connection() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
                await connection.execute(sql("archives.disable_idle_timeout"))
                self._waiting.discard(task)
                await self._walk(connection)
        except StoreUnavailable:
            if (
                task not in self._waiting
            ):  # a task that gets no connection leaves the work to the others
                raise

    async def _walk(self, connection: Connection) -> None:
        for piece in self.pieces:
            await piece.walk(connection, self.progress)


@dataclass(slots=True)
class _Piece:
    """The rows after ``low`` up to ``high``. Once verified, ``seq`` and ``hash`` are the last valid row's."""

    stream: str
    low: int
    high: int
    start: int  # the sequence number before the first row
    begin: int  # that before the stream's first row: 0, or the last archived one
    checkpoint: Head | None
    erased: Erasures
    first_link: bytes | None = None  # prev_hash of the first row
    seq: int = 0
    hash: bytes = GENESIS
    rows: int = 0
    broken: Broken | None = field(default=None)

    async def walk(self, connection: Connection, progress: Progress) -> None:
        """Verify the rows, up to the first one that does not continue the row before it."""
        self.seq = self.start
        cursor = await connection.cursor(
            sql("journal_chain.list_rows"), self.stream, self.low, self.high
        )
        while batch := await cursor.fetch(_BATCH):
            if self.first_link is None:
                self.first_link = self.hash = batch[0]["prev_hash"]
            self.broken = self._first_bad(batch)
            if self.broken:
                return
            self.rows += len(batch)
            progress(len(batch))

    def _first_bad(self, batch: list[asyncpg.Record]) -> Broken | None:
        sha256, seen = hashlib.sha256, self.checkpoint.seq if self.checkpoint else None
        for row in batch:
            seq, before, hashed = row["seq"], self.hash, row["hash"]
            if (
                seq != self.seq + 1
                or row["prev_hash"] != before
                or not (row["body_matches"] or self._erased(row, "body"))
                or not (row["effect_matches"] or self._erased(row, "effect"))
                or sha256(before + row["header"].encode()).digest() != hashed
            ):
                return self._why(row)
            if seq == seen and self.checkpoint and hashed.hex() != self.checkpoint.hash:
                return Broken(self.stream, seq, _REWRITTEN, row["at"], row["request_id"])
            self.seq, self.hash = seq, hashed
        return None

    def _erased(self, row: asyncpg.Record, column: str) -> bool:
        return row[f"no_{column}"] and self.erased.explains(self.stream, row["seq"], column)

    def _why(self, row: asyncpg.Record) -> Broken:
        seq, at, request_id = row["seq"], row["at"], row["request_id"]
        if seq > self.seq + 1:
            return Broken(self.stream, self.seq + 1, f"is missing; the next row is {seq}")
        if seq <= self.seq:
            why = "appears twice" if seq > self.begin else "appears before the first row"
        elif not (row["body_matches"] or self._erased(row, "body")):
            why = f"has a body that does not match its digest{_none(row['no_body'])}"
        elif not (row["effect_matches"] or self._erased(row, "effect")):
            why = f"has an effect that does not match its digest{_none(row['no_effect'])}"
        elif row["prev_hash"] != self.hash:
            why = "does not continue the row before it"
        else:
            why = "was changed: its hash does not match its columns"
        return Broken(self.stream, seq, why, at, request_id)


def _none(nothing: bool) -> str:
    return ": it is missing, and no erasure names it" if nothing else ""


def _pieces(row: asyncpg.Record, checkpoint: Head | None, erased: Erasures) -> list[_Piece]:
    """Divide a stream into pieces that can be verified in parallel. The first and the last piece are open-ended."""
    begin = row["start"]
    starts = range(begin, max(row["last"], begin + 1), _PIECE)
    return [
        _Piece(
            row["stream"],
            low=_FIRST if start == begin else start,
            high=_LAST if start == starts[-1] else start + _PIECE,
            start=start,
            begin=begin,
            checkpoint=checkpoint,
            erased=erased,
            hash=row["start_hash"],
        )
        for start in starts
    ]


def _check_pieces(row: asyncpg.Record, pieces: list[_Piece]) -> Broken | None:
    """Return the first invalid row within the pieces or between two of them."""
    seq, hashed = row["start"], row["start_hash"]
    for piece in pieces:
        if piece.start != seq:
            return Broken(piece.stream, seq + 1, "is missing")
        if piece.broken and piece.seq == piece.start:
            return piece.broken
        if piece.first_link is not None and piece.first_link != hashed:
            return Broken(piece.stream, seq + 1, "does not continue the row before it")
        if piece.broken:
            return piece.broken
        if piece.first_link is None and piece.start > piece.begin:
            return Broken(piece.stream, seq + 1, "is missing")
        seq, hashed = piece.seq, piece.hash
    return None


def _check_end(row: asyncpg.Record, last: _Piece, checkpoint: Head | None) -> Broken | None:
    """Return the first row that is missing at the end, although the head or the checkpoint contains it."""
    seq = row["seq"]
    if seq is None:
        return Broken(last.stream, last.seq, "the stream's head is missing")
    archived = checkpoint is not None and checkpoint.seq == row["start"] > 0
    if checkpoint is not None and archived and checkpoint.hash != row["start_hash"].hex():
        return Broken(last.stream, checkpoint.seq, _REWRITTEN)
    if seq > last.seq:
        return Broken(last.stream, last.seq + 1, f"is missing; the head says {seq} rows")
    if seq < last.seq or row["hash"] != last.hash:
        return Broken(last.stream, last.seq, f"does not agree with the head (row {seq})")
    if checkpoint is not None and checkpoint.seq > last.seq:
        why = f"is missing; the checkpoint says {checkpoint.seq} rows"
        return Broken(last.stream, last.seq + 1, why)
    return None


def _gone(checkpoint: Head) -> Broken:
    why = f"is missing with its whole journal; the checkpoint says {checkpoint.seq} rows"
    return Broken(checkpoint.stream, 1, why)
