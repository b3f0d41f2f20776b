"""calscim journal archive: move past months from the database into files."""

from argparse import ArgumentParser
from pathlib import Path

from calscim.cli.command import Command
from calscim.cli.confirmation import confirm, yes_option
from calscim.cli.database import opened, refuse_ahead
from calscim.cli.output import table
from calscim.cli.progress import progress
from calscim.cli.verbs import Verbs
from calscim.errors import UsageError
from calscim.journal.archive import export
from calscim.journal.archive.export import Archived


def register(nouns: Verbs) -> None:
    parser = nouns.add(
        "archive",
        _archive,
        "move past months from the database into files",
        details="Needs the owner of the tables (database.migration_dsn). Archives the oldest month first. An "
        "interrupted run loses nothing: run it again.",
        examples=(
            "calscim journal archive 2026-01 --to /var/lib/calscim/archive",
            "calscim journal archive --keep 12 --to /var/lib/calscim/archive",
        ),
    )
    parser.add_argument("month", nargs="?", metavar="MONTH", help="such as 2026-09, in UTC")
    parser.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="archive all months except this one and the N before it",
    )
    yes_option(parser)
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="the folder for the files"
    )


def archives_option(parser: ArgumentParser) -> None:
    """Add --archive to a verb that can read archived months."""
    parser.add_argument(
        "--archive",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="also read these archived months, files or their folder",
    )


async def _archive(command: Command) -> None:
    arguments = command.arguments
    if (arguments.month is None) == (arguments.keep is None):
        raise UsageError("type a month, such as 2026-09, or --keep N")
    if arguments.keep is not None and arguments.keep < 0:
        raise UsageError("--keep takes the number of past months to keep: type 0 or more")
    done: list[Archived] = []
    async with opened(command.settings(), owner=True) as db:
        await refuse_ahead(db)
        months = (
            [arguments.month] if arguments.month else await export.closed_months(db, arguments.keep)
        )
        if months:
            await confirm(
                command,
                f"This moves {_months(months)} of the journal out of the database, into {arguments.to}. Verbs then "
                "read them only with --archive, and nothing moves them back.",
            )
        editor = command.editor()
        for month in months:
            with progress(command.output, f"archiving {month}"):
                done.append(await export.archive(db, editor, month, arguments.to))
            command.output.say(f"{month} is in {done[-1].file}")
    shown = table(
        ("month", "rows#", "file", "SHA-256"),
        (
            (one.month, "before" if one.rows is None else one.rows, one.file, one.digest)
            for one in done
        ),
    )
    command.output.data(done, shown if done else "there is no month to archive")


def _months(months: list[str]) -> str:
    return months[0] if len(months) == 1 else f"{len(months)} months, {months[0]} to {months[-1]},"
