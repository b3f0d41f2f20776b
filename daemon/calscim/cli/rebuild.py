"""calscim membership and rebuild: restore past and present state from the journal."""

from pathlib import Path

from rich.console import Group, RenderableType

from calscim import admin
from calscim.admin.directories import only_directory
from calscim.admin.rebuild import (
    RebuildResult,
    compare_directory,
    past_members,
    rebuild_directory,
)
from calscim.cli.command import Command
from calscim.cli.confirmation import confirm, yes_option
from calscim.cli.database import opened, refuse_ahead
from calscim.cli.journal_archive import archives_option
from calscim.cli.output import lines, table
from calscim.cli.places import chosen_directory
from calscim.cli.progress import progress
from calscim.cli.times import TIME_HELP, a_moment
from calscim.cli.verbs import Verbs
from calscim.exit_codes import ExitCode
from calscim.journal.archive import read
from calscim.postgres.pool import Database
from calscim.wording import counted


def register(verbs: Verbs) -> None:
    membership = verbs.add(
        "membership",
        _membership,
        examples=(
            "calscim membership --group Sales --at 7d",
            "calscim membership --group Sales --at 2026-03-01T08:30Z",
        ),
    )
    membership.add_argument(
        "--group",
        required=True,
        metavar="NAME",
        help="the name of the group at that time, or its id",
    )
    membership.add_argument(
        "--at", type=a_moment, metavar="TIME", help=f"{TIME_HELP} (default: now)"
    )
    membership.add_argument(
        "--directory", metavar="D", help="id or name; needed if there are several"
    )
    archives_option(membership)
    again = verbs.add(
        "rebuild",
        _rebuild,
        details="With --check it only compares, and exits with 6 if the tables differ from the journal.",
        examples=("calscim rebuild --check", "calscim rebuild --directory Okta"),
        exits=(ExitCode.DIFFERENT,),
    )
    yes_option(again)
    again.add_argument("--check", action="store_true", help="compare and change nothing")
    again.add_argument("--directory", metavar="D", help="only this directory, by id or name")
    archives_option(again)


async def _membership(command: Command) -> None:
    arguments = command.arguments
    async with opened(command.settings()) as db:
        directory = await only_directory(db, arguments.directory)
        files = await _files(db, command)
        with progress(command.output, f"reading the journal of {directory.name}"):
            found = await past_members(db, directory, arguments.group, arguments.at, files)
    shown = table(
        ("user", "e-mail", "since"), ((one.user_name, one.email, one.since) for one in found)
    )
    command.output.data(found, shown if found else "no members")


async def _rebuild(command: Command) -> int:
    check = command.arguments.check
    async with opened(command.settings(), serving=not check) as db:
        if not check:
            await refuse_ahead(db)
        one_directory = await chosen_directory(db, command)
        chosen = [one_directory] if one_directory else await admin.directories(db)
        editor, files = command.editor(), await _files(db, command)
        if not check and chosen:
            each = (
                f"{one.name} ({counted(one.users, 'user')}, {counted(one.groups, 'group')})"
                for one in chosen
            )
            await confirm(
                command,
                f"This replaces what the database has of {', '.join(each)} by what the journal says. "
                "--check shows the difference.",
            )
        compared = []
        for one in chosen:
            with progress(command.output, f"reading the journal of {one.name}"):
                compared.append(
                    await (
                        compare_directory(db, one, files)
                        if check
                        else rebuild_directory(db, editor, one, files)
                    )
                )
    found = RebuildResult.of(compared, rebuilt=not check)
    command.output.data(found, _shown(found))
    return ExitCode.DIFFERENT if check and not found.same else 0


async def _files(db: Database, command: Command) -> tuple[Path, ...] | None:
    """Return the archived months of --archive, each verified; None without --archive."""
    places = command.arguments.archive
    return await read.opened(db, places) if places else None


def _shown(found: RebuildResult) -> RenderableType:
    parts: list[RenderableType] = [
        table(
            ("directory", "users#", "groups#", "members#", "different#"),
            (
                (one.name, one.users, one.groups, one.members, one.different)
                for one in found.directories
            ),
        )
    ]
    parts += [
        lines(f"{one.name}: {difference}", style="yellow")
        for one in found.directories
        for difference in one.differences
    ]
    if not found.same:
        parts.append(
            lines(
                "written from the journal"
                if found.rebuilt
                else "run `calscim rebuild` to write them from the journal"
            )
        )
    return Group(*parts)
