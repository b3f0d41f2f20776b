"""Proves that nobody changed the journal: walks every stream's hash chain. docs/reference/journal.md defines it.

The text that a hash covers is made by a query of ours and hashed here, so that neither a changed row nor a
replaced function goes unseen. Where months were archived, the walk begins after them. What an owner of the
database can still do is to write a whole new chain: checkpoints that were kept elsewhere show that.
A body or effect that is gone is accepted where a row of the chain says that it was erased.
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
_PIECE = 50_000  # rows walked by one connection at a time
_BATCH = 5_000
_FIRST, _LAST = -(2**63), 2**63 - 1  # rows that were put where none belong are walked as well
_ANEW = "differs from the row in the checkpoint: the chain was rewritten"

Progress: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Head:
    """How far a stream goes: a checkpoint, when it is kept elsewhere."""

    stream: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row of a stream that is not what was written. ``at`` None: the row is missing."""

    stream: str
    seq: int
    why: str
    at: datetime | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    rows: int
    heads: tuple[Head, ...]  # of the streams that are whole
    broken: tuple[Broken, ...]  # one for each stream that is not


async def verify(
    db: Database,
    checkpoints: Mapping[str, Head] | None = None,
    progress: Progress | None = None,
    *,
    width: int = 1,
) -> Verdict:
    """Walk all streams in one snapshot, over up to ``width`` connections: as many as can be had, and one is enough.

    ``progress`` is told, now and then, how many more rows were walked.
    """
    kept = dict(checkpoints or {})
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(sql("archives.disable_idle_timeout"))
        streams = await connection.fetch(sql("journal_chain.list_streams"))
        erased = await records.load(connection)
        pieces = [
            piece for row in streams for piece in _pieces(row, kept.get(row["stream"]), erased)
        ]
        await _Walk(db, connection, iter(pieces), progress or _silent).all(
            min(width, len(pieces)) - 1
        )
    heads, broken = [], []
    for row in streams:
        stream = row["stream"]
        mine = [piece for piece in pieces if piece.stream == stream]
        found = _joined(row, mine) or _ended(row, mine[-1], kept.get(stream))
        if found:
            broken.append(found)
        else:
            heads.append(Head(stream, mine[-1].seq, mine[-1].hash.hex()))
        kept.pop(stream, None)
    broken += [_gone(checkpoint) for checkpoint in kept.values() if checkpoint.seq > 0]
    return Verdict(sum(piece.rows for piece in pieces), tuple(heads), tuple(broken))


async def size(db: Database) -> int:
    """About how many rows there are to walk."""
    return int(await db.fetchval(sql("journal_chain.estimate_size")))


def _silent(_: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class _Walk:
    """Whoever is free takes the next piece. Whoever comes to help sees what the first connection sees."""

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
                for task in self._waiting:  # nothing is left for those who still wait
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
            if task not in self._waiting:  # otherwise the others do without
                raise

    async def _walk(self, connection: Connection) -> None:
        for piece in self.pieces:
            await piece.walk(connection, self.progress)


@dataclass(slots=True)
class _Piece:
    """The rows after ``low`` up to ``high``. Once walked, ``seq`` and ``hash`` are the last good row's."""

    stream: str
    low: int
    high: int
    start: int  # the seq before the first row
    begin: int  # the seq before the stream's first row: 0, or the last one that was archived
    checkpoint: Head | None
    erased: Erasures
    first_link: bytes | None = None  # what the first row continues
    seq: int = 0
    hash: bytes = GENESIS
    rows: int = 0
    broken: Broken | None = field(default=None)

    async def walk(self, connection: Connection, progress: Progress) -> None:
        """Stops at the first row that does not follow from the one before it."""
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
                return Broken(self.stream, seq, _ANEW, row["at"], row["request_id"])
            self.seq, self.hash = seq, hashed
        return None

    def _erased(self, row: asyncpg.Record, column: str) -> bool:
        return row[f"no_{column}"] and self.erased.explains(self.stream, row["seq"], column)

    def _why(self, row: asyncpg.Record) -> Broken:
        seq, at, request_id = row["seq"], row["at"], row["request_id"]
        if seq > self.seq + 1:
            return Broken(self.stream, self.seq + 1, f"is missing; the next row is {seq}")
        if seq <= self.seq:
            why = "stands twice" if seq > self.begin else "stands before the first row"
        elif not (row["body_matches"] or self._erased(row, "body")):
            why = f"has another body than it was written with{_none(row['no_body'])}"
        elif not (row["effect_matches"] or self._erased(row, "effect")):
            why = f"has another effect than it was written with{_none(row['no_effect'])}"
        elif row["prev_hash"] != self.hash:
            why = "does not continue the row before it"
        else:
            why = "was changed: its hash does not cover what it says"
        return Broken(self.stream, seq, why, at, request_id)


def _none(nothing: bool) -> str:
    return ": none, and no erasure tells of it" if nothing else ""


def _pieces(row: asyncpg.Record, checkpoint: Head | None, erased: Erasures) -> list[_Piece]:
    """A stream in pieces that can be walked side by side; the outer ones are open-ended."""
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


def _joined(row: asyncpg.Record, pieces: list[_Piece]) -> Broken | None:
    """The first bad row within a piece, or between two of them."""
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


def _ended(row: asyncpg.Record, last: _Piece, checkpoint: Head | None) -> Broken | None:
    """What is missing at the end: rows that the head or the checkpoint has seen."""
    seq = row["seq"]
    if seq is None:
        return Broken(last.stream, last.seq, "the stream's head is missing")
    archived = checkpoint is not None and checkpoint.seq == row["start"] > 0
    if checkpoint is not None and archived and checkpoint.hash != row["start_hash"].hex():
        return Broken(last.stream, checkpoint.seq, _ANEW)
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
