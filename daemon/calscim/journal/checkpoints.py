"""Where the journal's chains stood at a moment, to be kept where the database's owner cannot change it.

Looking at a checkpoint costs one look-up a stream, so that it can be done often; it proves the rows before it
only together with a walk over the chain (chain.verify).
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

EVENT = "journal.head"  # in the log, one a stream
_BATCH = 10_000  # marks looked up at once


@dataclass(frozen=True, slots=True)
class Mark:
    """The last row of a stream, when the mark was made. ``hash`` in hexadecimal digits."""

    stream: str
    seq: int
    hash: str
    at: datetime | None = None


async def checkpoint(db: Database) -> tuple[Mark, ...]:
    """Every stream's head, in one snapshot."""
    return tuple(Mark(**row) for row in await db.fetch(sql("checkpoints.list_heads")))


async def verify_against(db: Database, marks: Iterable[Mark]) -> tuple[Broken, ...]:
    """The marks that the journal does not have as they were seen. What was archived is in its file."""
    seen = sorted({(one.stream, one.seq, one.hash) for one in marks})
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
        return Broken(stream, seq, "is missing; the checkpoint has seen it")
    if found == row["seen"]:
        return None
    why = "is not the row that the checkpoint saw: the chain was written anew"
    return Broken(stream, seq, why, row["at"], row["request_id"])


def as_json(marks: Iterable[Mark]) -> bytes:
    """In the form of `calscim journal verify --json`, and so of what --against takes."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps({"heads": _heads(marks)}, option=option)


def as_line(marks: Iterable[Mark], at: datetime, by: str) -> bytes:
    """The same in one line, with when and by which daemon it was made."""
    option = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps({"at": at, "by": by, "heads": _heads(marks)}, option=option)


def _heads(marks: Iterable[Mark]) -> list[dict[str, Any]]:
    return [{"stream": one.stream, "seq": one.seq, "hash": one.hash, "at": one.at} for one in marks]


def write(path: Path, marks: Iterable[Mark]) -> None:
    """The whole file or, after a power cut, the one that was there. StoreError where it cannot be written."""
    put(path, as_json(marks))


def put(path: Path, content: bytes) -> None:
    """Replace a file in one step, on the disk when this returns."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                settle(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        settle_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror}): see that the folder exists and has room"
        ) from error


def settle(number: int) -> None:
    """Onto the disk, readable for the group: there is no secret in it."""
    os.fchmod(number, 0o640)
    os.fsync(number)


def settle_folder(path: Path) -> None:
    """A new name is on the disk only when its folder is."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def read(path: Path) -> tuple[Mark, ...]:
    """UsageError for what is no checkpoint. A file of many gives the marks of all, in their order.

    Of lines those count that are a checkpoint or the log's event journal.head; one that was cut off does not.
    """
    try:
        content = path.read_bytes()
        try:
            found: tuple[Mark, ...] | None = _marks(orjson.loads(content))
        except orjson.JSONDecodeError:
            found = _of_lines(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        found = None
    if found is None:
        raise UsageError(
            f"{path} is no checkpoint: give a file that `calscim journal verify --json` wrote, "
            "journal.checkpoint_file, or the log's events journal.head in JSON"
        )
    return found


def _of_lines(content: bytes) -> tuple[Mark, ...] | None:
    """None where no line is of use."""
    found: list[Mark] | None = None
    for line in content.splitlines():
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict) and ("heads" in value or value.get("event") == EVENT):
            found = [*(found or []), *_marks(value)]
    return None if found is None else tuple(found)


def _marks(value: dict[str, Any]) -> tuple[Mark, ...]:
    heads = [value] if value.get("event") == EVENT else value["heads"]
    return tuple(
        Mark(str(h["stream"]), int(h["seq"]), str(h["hash"]), _moment(h.get("at"))) for h in heads
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
