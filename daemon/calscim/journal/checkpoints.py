"""Checkpoints: copies of the journal's heads, to be kept where the owner of the database cannot change them.

Comparing the journal with a checkpoint costs one look-up per stream. It proves the rows before the heads only together
with the verification of the chain (chain.verify).
"""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from calscim.errors import StoreError, UsageError
from calscim.journal.chain import Broken
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

EVENT = "checkpoint.published"  # the log event of one head
_BATCH = 10_000  # heads per query


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of a stream at the time of a checkpoint. ``hash``: hexadecimal digits."""

    stream: str
    seq: int
    hash: str
    at: datetime | None = None


async def read_heads(db: Database) -> tuple[Head, ...]:
    """Return the head of every stream, in one snapshot."""
    return tuple(Head(**row) for row in await db.fetch(sql("checkpoints.list_heads")))


async def verify_against(db: Database, heads: Iterable[Head]) -> tuple[Broken, ...]:
    """Return the heads of checkpoints that the journal does not contain. Archived rows are left to their files."""
    seen = sorted({(one.stream, one.seq, one.hash) for one in heads})
    found: list[Broken] = []
    for start in range(0, len(seen), _BATCH):
        columns = list(zip(*seen[start : start + _BATCH], strict=True))
        rows = await db.fetch(sql("checkpoints.compare"), *columns)
        found += [broken for row in rows if (broken := _problem(row)) is not None]
    return tuple(found)


def _problem(row: asyncpg.Record) -> Broken | None:
    stream, seq = row["stream"], row["seq"]
    found = row["archived_hash"] or row["hash"]
    if found is None:
        if row["archived"]:
            return None
        return Broken(stream, seq, "is missing; the checkpoint contains it")
    if found == row["seen"]:
        return None
    why = "differs from the row in the checkpoint: the chain was rewritten"
    return Broken(stream, seq, why, row["at"], row["request_id"])


def to_json(heads: Iterable[Head]) -> bytes:
    """Return a checkpoint in the form of `calscim journal verify --json`, which --against reads."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps({"heads": _as_dicts(heads)}, option=option)


def to_json_line(heads: Iterable[Head], at: datetime, by: str) -> bytes:
    """Return a checkpoint as one line, with its time and the name of the daemon."""
    option = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps({"at": at, "by": by, "heads": _as_dicts(heads)}, option=option)


def _as_dicts(heads: Iterable[Head]) -> list[dict[str, Any]]:
    return [{"stream": one.stream, "seq": one.seq, "hash": one.hash, "at": one.at} for one in heads]


def write(path: Path, heads: Iterable[Head]) -> None:
    """Write a checkpoint to a file in one step. Raise StoreError if the file cannot be written."""
    replace_file(path, to_json(heads))


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file in one step and sync it, so that a power cut leaves the old file or the new one."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                sync_file(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror}): check that the folder exists and has space"
        ) from error


def sync_file(number: int) -> None:
    """Sync a file and make it readable for the group: it contains no secret."""
    os.fchmod(number, 0o640)
    os.fsync(number)


def sync_folder(path: Path) -> None:
    """Sync a folder, so that a new file name in it survives a power cut."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def read(path: Path) -> tuple[Head, ...]:
    """Return the heads of all checkpoints in a file, in order. Raise UsageError if it contains none.

    Reads the lines that are a checkpoint or a log event checkpoint.published, and skips all others.
    """
    try:
        content = path.read_bytes()
        try:
            found: tuple[Head, ...] | None = _parse_heads(orjson.loads(content))
        except orjson.JSONDecodeError:
            found = _read_lines(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        found = None
    if found is None:
        raise UsageError(
            f"{path} is not a checkpoint: give a file that `calscim journal verify --json` wrote, "
            "journal.checkpoint_file, or a JSON log with events checkpoint.published"
        )
    return found


def _read_lines(content: bytes) -> tuple[Head, ...] | None:
    """Return the heads in the lines, or None if no line has any."""
    found: list[Head] | None = None
    for line in content.splitlines():
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict) and ("heads" in value or value.get("event") == EVENT):
            found = [*(found or []), *_parse_heads(value)]
    return None if found is None else tuple(found)


def _parse_heads(value: dict[str, Any]) -> tuple[Head, ...]:
    heads = [value] if value.get("event") == EVENT else value["heads"]
    return tuple(
        Head(str(h["stream"]), int(h["seq"]), str(h["hash"]), _parse_time(h.get("at")))
        for h in heads
    )


def _parse_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
