"""Reads archives, and compares the files with what the database recorded about them."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from calscim.errors import StoreError, UsageError
from calscim.journal.archive import file as archive_file
from calscim.journal.archive.file import Walked
from calscim.journal.chain import Broken
from calscim.journal.erasure import records
from calscim.journal.erasure.records import Erasures
from calscim.journal.replay.apply import Tables
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

_BATCH = 2_000
_REPLAYED = frozenset({"scim", "import", "admin"})


@dataclass(frozen=True, slots=True)
class Month:
    """An archive as the database recorded it. ``ends``: stream -> seq and hash of the last row; ``last``: its time."""

    partition: str
    file: str
    digest: str
    ends: Mapping[str, tuple[int, str]]
    last: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification. ``broken``: the first invalid row."""

    files: int
    rows: int
    broken: tuple[Broken, ...]


async def remembered(db: Database) -> tuple[Month, ...]:
    """Return all archived months, oldest first."""
    months: dict[str, Month] = {}
    for row in await db.fetch(sql("archives.list")):
        before = months.get(row["partition"])
        ends = {**(before.ends if before else {}), row["stream"]: (row["seq"], row["hash"])}
        last = max(row["at"], before.last) if before else row["at"]
        months[row["partition"]] = Month(row["partition"], row["file"], row["digest"], ends, last)
    return tuple(months.values())


async def before(
    db: Database,
    streams: Sequence[str] | None,
    *,
    seq: int | None = None,
    since: datetime | None = None,
) -> tuple[Month, ...]:
    """Return the archived months with rows of these streams after a moment, or with this sequence number."""
    months = [
        month
        for month in await remembered(db)
        if (streams is None or month.ends.keys() & set(streams))
        and (since is None or month.last >= since)
        and (seq is None or any(month.ends.get(one, (0, ""))[0] >= seq for one in streams or ()))
    ]
    return tuple(months if seq is None else months[:1])


def found(months: Sequence[Month], places: Sequence[Path]) -> tuple[Path, ...]:
    """Find the file of each month in the given files and folders. Raise UsageError that names all missing ones."""
    files = {path.name: path for path in _files(places)}
    missing = [month.file for month in months if month.file not in files]
    if missing:
        raise UsageError(
            f"of the archived months {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not among "
            "the files given: give the folder that has all of them with --archive"
        )
    return tuple(files[month.file] for month in months)


def _files(places: Sequence[Path]) -> Iterator[Path]:
    for place in places:
        if not place.exists():
            raise UsageError(
                f"{place} does not exist: give an archive or the folder of the archives"
            )
        yield from sorted(place.iterdir()) if place.is_dir() else [place]


async def verify(db: Database, places: Sequence[Path]) -> Verdict:
    """Verify the files, from the first row to the row where the database continues."""
    months = await remembered(db)
    paths = found(months, places)
    async with db.connection() as connection:
        erased = await records.load(connection)
    for path in paths:
        await asyncio.to_thread(archive_file.erasures, path, erased)
    begins: dict[str, str] = {}
    rows = 0
    for month, path in zip(months, paths, strict=True):
        walked = await asyncio.to_thread(archive_file.walk, path, begins, erased)
        rows += walked.rows
        broken = walked.broken or _differs(month, walked)
        if broken:
            return Verdict(len(months), rows, (broken,))
        begins.update({stream: end.hash for stream, end in walked.ends.items()})
    return Verdict(len(months), rows, ())


def _differs(month: Month, walked: Walked) -> Broken | None:
    for stream in sorted(month.ends.keys() | walked.ends.keys()):
        end = walked.ends.get(stream)
        expected = month.ends.get(stream, (0, ""))
        if end is None or (end.seq, end.hash) != expected:
            why = f"is not where {month.file} ended when it was written"
            return Broken(stream, end.seq if end else expected[0], why)
    if walked.digest != month.digest:
        stream, (seq, _) = next(iter(month.ends.items()))
        return Broken(
            stream, seq, f"is in {month.file}, whose bytes are not those it was written with"
        )
    return None


async def replay(
    connection: Connection,
    tables: Tables,
    stream: str,
    moment: datetime | None,
    paths: Sequence[Path],
) -> None:
    """Apply the archived rows of a stream up to a moment, from files that `opened` returned."""
    for path in paths:
        async with aclosing(_batches(path, stream, moment, tables.erased)) as batches:
            async for batch in batches:
                texts = [
                    tables.erased.instead.get((stream, line["seq"]), line["effect_text"])
                    for line in batch
                ]
                effects = await connection.fetch(sql("archives.parse_effects"), texts)
                for line, row in zip(batch, effects, strict=True):
                    at = datetime.fromisoformat(line["at"])
                    tables.apply(line["seq"], at, orjson.loads(row["effect"]), row["data"])


async def opened(db: Database, places: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files of all archived months, oldest first. Raise StoreError if a file has another digest."""
    months = await remembered(db)
    paths = found(months, places)
    for month, path in zip(months, paths, strict=True):
        if await asyncio.to_thread(archive_file.digest, path) != month.digest:
            raise StoreError(
                f"{path} is not the file that was written (SHA-256 {month.digest}): "
                "see `calscim journal verify --archive`, and look for a copy"
            )
    return paths


async def _batches(
    path: Path, stream: str, moment: datetime | None, erased: Erasures
) -> AsyncGenerator[list[dict[str, Any]], None]:
    lines = (line for line in archive_file.lines(path) if _wanted(line, stream, moment, erased))
    while batch := await asyncio.to_thread(lambda: list(islice(lines, _BATCH))):
        yield batch


def _wanted(line: dict[str, Any], stream: str, moment: datetime | None, erased: Erasures) -> bool:
    return (
        line["stream"] == stream
        and line["kind"] in _REPLAYED
        and (line["effect_text"] is not None or (stream, line["seq"]) in erased.instead)
        and (moment is None or datetime.fromisoformat(line["at"]) <= moment)
    )
