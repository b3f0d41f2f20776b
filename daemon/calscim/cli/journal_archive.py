"""calscim journal archive: move past months from the database to files."""

from argparse import ArgumentParser
from pathlib import Path

from calscim.cli.call import Call
from calscim.cli.database import opened, refuse_ahead
from calscim.cli.output import table
from calscim.cli.verbs import Verbs
from calscim.errors import UsageError
from calscim.journal.archive import export
from calscim.journal.archive.export import Archived


def register(nouns: Verbs) -> None:
    parser = nouns.add(
        "archive",
        _archive,
        "move past months from the database to files",
        details="Needs the owner of the tables (database.migration_dsn). The oldest month is archived first. If the "
        "command is interrupted, nothing is lost: run it again.",
    )
    parser.add_argument("month", nargs="?", metavar="MONTH", help="a month in UTC, such as 2026-09")
    parser.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="archive all but the current month and the N before it",
    )
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="the folder for the files"
    )


def archives_option(parser: ArgumentParser) -> None:
    """Add --archive, for verbs that also read archived months."""
    parser.add_argument(
        "--archive",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="also read these archived months: files, or their folder",
    )


async def _archive(call: Call) -> None:
    arguments = call.arguments
    if (arguments.month is None) == (arguments.keep is None):
        raise UsageError(
            "write either a month, such as 2026-09, or --keep with the number of months to keep"
        )
    if arguments.keep is not None and arguments.keep < 0:
        raise UsageError("--keep takes the number of past months to keep: write 0 or more")
    done: list[Archived] = []
    async with opened(call.settings(), owner=True) as db:
        await refuse_ahead(db)
        months = (
            [arguments.month] if arguments.month else await export.closed_months(db, arguments.keep)
        )
        editor = call.editor()
        for month in months:
            done.append(await export.archive(db, editor, month, arguments.to))
            call.output.say(f"{month} is in {done[-1].file}")
    value = [
        {
            "month": archived.month,
            "file": str(archived.file),
            "checkpoint": str(archived.checkpoint),
            "rows": archived.rows,
            "sha256": archived.digest,
        }
        for archived in done
    ]
    shown = table(
        ("month", "rows#", "file", "SHA-256"),
        (
            (
                archived.month,
                "before" if archived.rows is None else archived.rows,
                archived.file,
                archived.digest,
            )
            for archived in done
        ),
    )
    call.output.data(value, shown if done else "there is no month to archive")
