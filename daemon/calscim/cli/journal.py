"""calscim journal: read the record of every change, and verify that it was not altered."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson
from rich.console import Group, RenderableType

from calscim.admin.directories import only_directory
from calscim.admin.journal_verify import JournalVerdict, verify_journal
from calscim.cli import journal_archive, journal_export, journal_keys
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.journal_rows import row_options, wanted_rows
from calscim.cli.output import dump, fields, lines, table
from calscim.cli.parser import a_count
from calscim.cli.places import chosen_organization, place_options
from calscim.cli.progress import progress
from calscim.cli.verbs import Verbs
from calscim.errors import UsageError
from calscim.exit_codes import ExitCode
from calscim.journal import chain, checkpoints, history
from calscim.journal.archive import read as archives
from calscim.journal.history import Wanted
from calscim.journal.row import JournalRow
from calscim.postgres.pool import Database
from calscim.terminal import printable

_WIDTH = 4  # connections that walk the chain
_LOOK = 1.0  # seconds between two looks of `tail --follow`


def register(verbs: Verbs) -> None:
    nouns = verbs.group("journal")
    tail = nouns.add(
        "tail",
        _tail,
        "print the last rows",
        examples=(
            "calscim journal tail --since 1h",
            "calscim journal tail --person ann@acme.com --follow",
        ),
    )
    tail.add_argument(
        "-n",
        dest="count",
        type=a_count,
        default=20,
        metavar="N",
        help="number of rows (default: 20)",
    )
    tail.add_argument(
        "--follow",
        action="store_true",
        help="also print new rows as they come; with --json one line per row",
    )
    show = nouns.add(
        "show",
        _show,
        "show one row with its body, or all rows of one request",
        examples=("calscim journal show 4711", "calscim journal show 4711 --directory Okta --json"),
    )
    show.add_argument("row", metavar="SEQ|REQUEST", help="the number of a row, or a request id")
    verify = nouns.add(
        "verify",
        _verify,
        "verify the hash chain; exit 5 if it is broken",
        examples=(
            "calscim journal verify",
            "calscim journal verify --against checkpoints.jsonl --archive /var/lib/calscim/archive",
        ),
        exits=(ExitCode.BROKEN,),
    )
    verify.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="compare with a copy kept elsewhere: output of verify --json, journal.checkpoint_file, or "
        "checkpoint.published events",
    )
    journal_archive.archives_option(verify)
    journal_archive.register(nouns)
    journal_export.register(nouns)
    journal_keys.register(nouns)
    place_options(tail)
    place_options(show)
    row_options(tail)


# ------------------------------------------------------------------ tail


async def _tail(command: Command) -> None:
    async with opened(command.settings()) as db:
        wanted = await wanted_rows(db, command)
        seen = await history.heads(db)
        found = await history.newest(db, wanted, command.arguments.count)
        if not command.arguments.follow:
            command.output.data(found, _table(found) if found else "the journal has no such row")
            return
        for row in found:
            _line(command, row)
        await _follow(command, db, wanted, seen)


async def _follow(command: Command, db: Database, wanted: Wanted, seen: dict[str, int]) -> None:
    while True:
        await asyncio.sleep(_LOOK)
        for stream, seq in (await history.heads(db)).items():
            if seq == seen.get(stream, 0) or stream not in (wanted.streams or [stream]):
                continue
            for row in await history.after(db, stream, seen.get(stream, 0)):
                if _matches(row, wanted):
                    _line(command, row)
            seen[stream] = seq


def _matches(row: JournalRow, wanted: Wanted) -> bool:
    if wanted.kind not in {None, row.kind}:
        return False
    if wanted.request_id not in {None, row.request_id}:
        return False
    about = wanted.about
    return about is None or any(one in f"{row.resource_id} {row.effect}" for one in about)


def _line(command: Command, row: JournalRow) -> None:
    if command.output.json:
        command.output.write(dump(row))
    else:
        command.output.write(
            "  ".join(printable(str(part)) for part in _cells(row) if part not in {None, ""})
        )
    sys.stdout.flush()


def _table(found: list[JournalRow]) -> RenderableType:
    columns = ("at", "journal", "seq#", "kind", "what", "status#", "about", "request")
    return table(columns, (_cells(row) for row in found))


def _cells(row: JournalRow) -> tuple[str | int | None, ...]:
    return (
        row.at[:19] + "Z",
        row.stream,
        row.seq,
        row.kind,
        f"{row.method} {row.path}".strip(),
        row.status or None,
        row.about,
        row.request_id,
    )


# ------------------------------------------------------------------ show


async def _show(command: Command) -> int:
    text = command.arguments.row
    async with opened(command.settings()) as db:
        if not text.isdecimal():
            found = [row async for row in history.rows(db, Wanted(request_id=text))]
            if not found:
                raise UsageError(
                    f"no row of the journal has the request id {text!r}: see `calscim journal tail`"
                )
            command.output.data(found, Group(*(_details(row) for row in found)))
            return _unreadable(command, found)
        stream = await _stream(db, command)
        one = [row async for row in history.rows(db, Wanted(streams=[stream], seq=int(text)))]
        files = await archives.before(db, [stream], seq=int(text))
    if files:
        raise UsageError(
            f"row {text} of {stream} was archived: it is in {files[0].file}, a line of JSON "
            f'(zgrep \'"stream":"{stream}","seq":{text},\' {files[0].file})'
        )
    if not one:
        raise UsageError(f"the journal {stream} has no row {text}: see `calscim journal tail`")
    command.output.data(one[0], _details(one[0]))
    return _unreadable(command, one)


def _unreadable(command: Command, found: list[JournalRow]) -> int:
    """Print why a body could not be shown, and return the exit code."""
    lacking = [row for row in found if row.unreadable is not None]
    for row in lacking:
        command.output.say(f"calscim: row {row.seq} of {row.stream}: {row.unreadable}")
    return ExitCode.FAILED if lacking else 0


async def _stream(db: Database, command: Command) -> str:
    """Return the journal of a row number: that of the directory, or that of the organization."""
    if not command.arguments.directory and (organization := chosen_organization(command)):
        return f"@{organization}"
    return (await only_directory(db, command.arguments.directory)).id


def _details(row: JournalRow) -> RenderableType:
    return Group(
        fields((name.replace("_", " "), value) for name, value in row.columns()),
        lines("body", style="bold"),
        _pretty(row.content),
        lines("effect", style="bold"),
        _indented(row.effect),
        lines(),
    )


def _pretty(body: str | None) -> RenderableType:
    if not body:
        return lines("-")
    try:
        return _indented(orjson.loads(body))
    except orjson.JSONDecodeError:
        return lines(body)


def _indented(value: Any) -> RenderableType:
    return lines(*dump(value, indent=True).split("\n"))


# ------------------------------------------------------------------ verify


async def _verify(command: Command) -> int:
    against, places = command.arguments.against, command.arguments.archive
    marks = checkpoints.read(against) if against else ()
    async with opened(command.settings(), size=_WIDTH) as db:
        with progress(command.output, "verifying", await chain.size(db)) as advance:
            found = await verify_journal(
                db, marks=marks, archives=places or (), progress=advance, width=_WIDTH
            )
    command.output.data(found, _verdict(found))
    return 0 if found.ok else ExitCode.BROKEN


def _verdict(found: JournalVerdict) -> RenderableType:
    parts: list[RenderableType] = [
        lines(f"{one.stream}: row {one.seq} {one.why}", style="red") for one in found.broken
    ]
    whole = f"{found.rows:,} rows, {len(found.heads)} journals intact"
    parts.append(lines(whole + (f", {len(found.broken)} broken" if found.broken else "")))
    if found.archives.files:
        parts.append(
            lines(f"{found.archives.rows:,} rows in {found.archives.files} archived months")
        )
    if found.heads:
        # The organizations' streams first: the ids of directories have no order.
        heads = sorted(found.heads, key=lambda one: (not one.stream.startswith("@"), one.stream))
        rows = ((head.stream, head.seq, head.hash) for head in heads)
        parts.append(table(("journal", "rows#", "hash"), rows))
    return Group(*parts)
