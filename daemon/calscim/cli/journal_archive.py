"""calscim journal archive: months that are over, out of the database and into files."""

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
        "take months that are over out of the database, into files",
        details="Needs the owner of the tables (database.migration_dsn). The oldest month goes first. Ended in "
        "between, it loses nothing: ask again.",
    )
    parser.add_argument("month", nargs="?", metavar="MONTH", help="one like 2026-09, in UTC")
    parser.add_argument(
        "--keep", type=int, metavar="N", help="all months but this one and the N before it"
    )
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="where the files are kept"
    )


def archives_option(parser: ArgumentParser) -> None:
    """--archive, for what can read archived months as well."""
    parser.add_argument(
        "--archive",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="archived months, or the folder of them, to read as well",
    )


async def _archive(call: Call) -> None:
    arguments = call.arguments
    if (arguments.month is None) == (arguments.keep is None):
        raise UsageError("say which month, as 2026-09, or with --keep how many of them stay")
    if arguments.keep is not None and arguments.keep < 0:
        raise UsageError("--keep takes how many months that are over stay: 0 or more")
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
            "month": one.month,
            "file": str(one.file),
            "checkpoint": str(one.checkpoint),
            "rows": one.rows,
            "sha256": one.digest,
        }
        for one in done
    ]
    shown = table(
        ("month", "rows#", "file", "SHA-256"),
        (
            (one.month, "before" if one.rows is None else one.rows, one.file, one.digest)
            for one in done
        ),
    )
    call.output.data(value, shown if done else "no month is to be archived")
