"""Verify the journal, its archives, and its checkpoints. The fields are the keys of ``journal verify --json``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from calscim.journal import chain, checkpoints
from calscim.journal.archive import read
from calscim.postgres.pool import Database


@dataclass(frozen=True, slots=True)
class VerifiedArchives:
    """How many archives were verified, and how many rows they have."""

    files: int
    rows: int


@dataclass(frozen=True, slots=True)
class JournalVerdict:
    """The result of a verification. ``heads``: the last row of each valid stream; ``broken``: first invalid rows."""

    ok: bool
    rows: int
    archives: VerifiedArchives
    heads: tuple[chain.Head, ...]
    broken: tuple[chain.Broken, ...]


async def verify_journal(
    db: Database,
    *,
    marks: Sequence[checkpoints.Head] = (),
    archives: Sequence[Path] = (),
    progress: chain.Progress | None = None,
    width: int = 1,
) -> JournalVerdict:
    """Verify the chain of every stream over up to ``width`` connections, and compare it with the checkpoints ``marks``.

    ``archives``: also verify these files and folders. ``progress``: called with the number of rows of each batch.
    """
    found = await chain.verify(db, _last(marks), progress, width=width)
    broken = _first_of_each(found.broken, await checkpoints.verify_against(db, marks))
    streams = {one.stream for one in broken}
    files = await read.verify(db, archives) if archives else read.Verdict(0, 0, ())
    every = (*files.broken, *broken)
    return JournalVerdict(
        ok=not every,
        rows=found.rows,
        archives=VerifiedArchives(files.files, files.rows),
        heads=tuple(head for head in found.heads if head.stream not in streams),
        broken=every,
    )


def _last(marks: Iterable[checkpoints.Head]) -> dict[str, chain.Head]:
    """Return the last checkpoint of each stream, which the chain has to reach."""
    return {
        one.stream: chain.Head(one.stream, one.seq, one.hash)
        for one in sorted(marks, key=lambda mark: mark.seq)
    }


def _first_of_each(*found: Iterable[chain.Broken]) -> list[chain.Broken]:
    """Return the first broken row of each stream, by stream."""
    every = sorted((one for rows in found for one in rows), key=lambda one: one.seq, reverse=True)
    first = {one.stream: one for one in every}
    return [first[stream] for stream in sorted(first)]
