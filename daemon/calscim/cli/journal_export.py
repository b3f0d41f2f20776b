"""calscim journal export: write rows of the journal as lines of JSON."""

from collections import Counter
from contextlib import aclosing

from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.journal_rows import row_options, wanted_rows
from calscim.cli.output import dump
from calscim.cli.places import place_options
from calscim.cli.progress import progress
from calscim.cli.verbs import Verbs
from calscim.errors import UsageError
from calscim.exit_codes import ExitCode
from calscim.journal import history, ocsf
from calscim.journal.archive import read as archives
from calscim.journal.feed.select import row_changes
from calscim.journal.history import Wanted
from calscim.postgres.pool import Database
from calscim.wording import counted


def register(nouns: Verbs) -> None:
    export = nouns.add(
        "export",
        _export,
        "write every row as a line of JSON, oldest first",
        details="Exits with 7 if rows are in archived months or a body cannot be decrypted: everything else is "
        "written, and standard error names the missing files or keys. A row says what was erased from it.",
        examples=(
            "calscim journal export > journal.jsonl",
            "calscim journal export --since 2026-03-01 --until 2026-04-01",
            "calscim journal export --format ocsf --since 1h",
        ),
        exits=(ExitCode.INCOMPLETE,),
    )
    export.add_argument(
        "--format",
        choices=("rows", "ocsf"),
        default="rows",
        help="rows: the rows themselves (default); ocsf: what they changed, as events of OCSF for a SIEM",
    )
    export.add_argument(
        "--partial", action="store_true", help="exit 0 even if rows or bodies are missing"
    )
    export.add_argument(
        "--stored",
        action="store_true",
        help="write bodies as they are stored, encrypted ones in base64; the digests are of these",
    )
    place_options(export)
    row_options(export)


async def _export(command: Command) -> int:
    if command.arguments.format == "ocsf" and command.arguments.stored:
        raise UsageError("--stored writes rows: leave out --format ocsf")
    async with opened(command.settings()) as db:
        wanted = await wanted_rows(db, command)
        write = _write_ocsf if command.arguments.format == "ocsf" else _write_rows
        with progress(command.output, "exporting", beside_data=True):
            lacking = await write(command, db, wanted)
        files = await archives.before(db, wanted.streams, since=wanted.since)
    for why, count in lacking.items():
        command.output.warn(f"{counted(count, 'row')} without a body: {why}")
    if files:
        command.output.warn(
            "earlier rows are not in this export, because they were archived: they are in "
            f"{', '.join(one.file for one in files)}. "
            f"Keep these files with the export, or export only later rows with --since {files[-1].last:%Y-%m-%dT%H:%MZ}"
        )
    return ExitCode.INCOMPLETE if (lacking or files) and not command.arguments.partial else 0


async def _write_rows(command: Command, db: Database, wanted: Wanted) -> Counter[str]:
    """Write the rows, and return how many bodies could not be decrypted for which reason."""
    lacking: Counter[str] = Counter()
    stored = command.arguments.stored
    async with aclosing(history.rows(db, wanted, stored=stored)) as rows:
        async for row in rows:
            command.output.write(dump(row))
            if row.unreadable is not None:
                lacking[row.unreadable] += 1
    return lacking


async def _write_ocsf(command: Command, db: Database, wanted: Wanted) -> Counter[str]:
    """Write an event for each change. Events need no bodies."""
    async with aclosing(row_changes(db, wanted)) as changes:
        async for change in changes:
            command.output.write(dump(ocsf.as_ocsf(change)))
    return Counter()
