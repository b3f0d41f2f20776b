"""calscim journal export: write rows of the journal as lines of JSON."""

from collections import Counter
from contextlib import aclosing

from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.journal_rows import place_options, row_options, wanted_rows
from calscim.cli.output import counted, dump
from calscim.cli.progress import progress
from calscim.cli.verbs import Verbs
from calscim.exit_codes import ExitCode
from calscim.journal import history
from calscim.journal.archive import read as archives


def register(nouns: Verbs) -> None:
    export = nouns.add(
        "export",
        _export,
        "write every row as a line of JSON, oldest first",
        details="Exits with 7 if rows are in archived months or a sealed body cannot be opened: everything else is "
        "written, and standard error names the missing files or keys. A row says what was erased from it.",
        examples=(
            "calscim journal export > journal.jsonl",
            "calscim journal export --since 2026-03-01 --until 2026-04-01",
        ),
        exits=(ExitCode.INCOMPLETE,),
    )
    export.add_argument(
        "--partial", action="store_true", help="exit 0 even if rows or bodies are missing"
    )
    export.add_argument(
        "--stored",
        action="store_true",
        help="write bodies as they are stored, sealed ones in base64; the digests are of these",
    )
    place_options(export)
    row_options(export)


async def _export(command: Command) -> int:
    lacking: Counter[str] = Counter()
    async with opened(command.settings()) as db:
        wanted = await wanted_rows(db, command)
        stored = command.arguments.stored
        with progress(command.output, "exporting", beside_data=True):
            async with aclosing(history.rows(db, wanted, stored=stored)) as rows:
                async for row in rows:
                    command.output.write(dump(row))
                    if "unreadable" in row:
                        lacking[row["unreadable"]] += 1
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
