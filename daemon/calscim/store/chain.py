"""Proves that nobody changed the journal: walks every stream's hash chain. docs/reference/journal.md defines it.

The text that a hash covers is made by a query of ours and hashed here, so that neither a changed row nor a
replaced function goes unseen. What an owner of the database can still do is to write a whole new chain:
checkpoints that were kept elsewhere show that.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from calscim.store.pool import Connection, Database
from calscim.store.sql import sql

GENESIS = bytes(32)
_BATCH = 20_000

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
    db: Database, checkpoints: Mapping[str, Head] | None = None, progress: Progress | None = None
) -> Verdict:
    """Walk all streams in one snapshot. ``progress`` is told how many rows were walked, now and then."""
    rows, heads, broken = 0, [], []
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        kept = dict(checkpoints or {})
        for stream in await connection.fetch(sql("chain.streams")):
            checkpoint = kept.pop(stream["stream"], None)
            walk = _Walk(stream["stream"], checkpoint, progress or _silent, rows)
            found = await walk.through(connection) or walk.against(stream["seq"], stream["hash"])
            rows += walk.seq
            if found:
                broken.append(found)
            else:
                heads.append(Head(stream["stream"], walk.seq, walk.hash.hex()))
        broken += [_gone(checkpoint) for checkpoint in kept.values() if checkpoint.seq > 0]
    return Verdict(rows, tuple(heads), tuple(broken))


async def size(db: Database) -> int:
    """About how many rows there are to walk."""
    return sum(int(row["seq"] or 0) for row in await db.fetch(sql("chain.streams")))


def _silent(_: int) -> None:
    """Nobody watches."""


def _gone(checkpoint: Head) -> Broken:
    why = f"the whole journal is gone; the checkpoint says that it went up to {checkpoint.seq}"
    return Broken(checkpoint.stream, 1, why)


class _Walk:
    """One stream, row by row; ``seq`` and ``hash`` are the last good row's."""

    def __init__(
        self, stream: str, checkpoint: Head | None, progress: Progress, before: int
    ) -> None:
        self.seq = 0
        self.hash = GENESIS
        self._stream = stream
        self._checkpoint = checkpoint
        self._progress = progress
        self._before = before

    async def through(self, connection: Connection) -> Broken | None:
        """The first row that does not follow from the one before it."""
        cursor = await connection.cursor(sql("chain.links"), self._stream)
        while batch := await cursor.fetch(_BATCH):
            for row in batch:
                seq, hashed = row["seq"], row["hash"]
                if (
                    seq == self.seq + 1
                    and row["prev_hash"] == self.hash
                    and row["body_matches"]
                    and row["effect_matches"]
                    and hashlib.sha256(self.hash + row["header"].encode()).digest() == hashed
                ):
                    self.seq, self.hash = seq, hashed
                    if self._checkpoint is None or seq != self._checkpoint.seq:
                        continue
                    if hashed.hex() == self._checkpoint.hash:
                        continue
                    why = "is not the row that the checkpoint saw: the chain was written anew"
                    return Broken(self._stream, seq, why, row["at"], row["request_id"])
                return self._why(row)
            self._progress(self._before + self.seq)
        return None

    def against(self, seq: int | None, hashed: bytes | None) -> Broken | None:
        """What is missing at the end: rows that the head or the checkpoint has seen."""
        if seq is None:
            return Broken(self._stream, self.seq, "the stream's head is missing")
        if seq > self.seq:
            return Broken(self._stream, self.seq + 1, f"is missing; the head says {seq} rows")
        if seq < self.seq or hashed != self.hash:
            return Broken(self._stream, self.seq, f"does not agree with the head ({seq})")
        if self._checkpoint is not None and self._checkpoint.seq > self.seq:
            why = f"is missing; the checkpoint says {self._checkpoint.seq} rows"
            return Broken(self._stream, self.seq + 1, why)
        return None

    def _why(self, row: Mapping[str, object]) -> Broken:
        at, request_id = row["at"], row["request_id"]
        assert isinstance(at, datetime) and isinstance(request_id, str)
        seq = row["seq"]
        assert isinstance(seq, int)
        if seq > self.seq + 1:
            return Broken(self._stream, self.seq + 1, f"is missing; the next row is {seq}")
        if seq <= self.seq:
            why = "stands twice"
        elif not row["body_matches"]:
            why = "has another body than it was written with"
        elif not row["effect_matches"]:
            why = "has another effect than it was written with"
        elif row["prev_hash"] != self.hash:
            why = "does not continue the row before it"
        else:
            why = "was changed: its hash does not cover what it says"
        return Broken(self._stream, seq, why, at, request_id)
