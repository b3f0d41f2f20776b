"""calscim membership and rebuild: restore past and present state from the journal."""

from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType

from calscim import admin
from calscim.admin import Directory, names
from calscim.admin.directories import only_directory
from calscim.cli.command import Command
from calscim.cli.confirmation import confirm, yes_option
from calscim.cli.database import opened, refuse_ahead
from calscim.cli.journal_archive import archives_option
from calscim.cli.output import counted, lines, table
from calscim.cli.progress import progress
from calscim.cli.times import TIME_HELP, a_moment
from calscim.cli.verbs import Verbs
from calscim.errors import UsageError
from calscim.exit_codes import ExitCode
from calscim.journal.archive import read
from calscim.journal.replay import rebuild
from calscim.journal.replay.apply import Tables
from calscim.names import group_key, spelling, user_name_key
from calscim.postgres.pool import Database


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
    async with opened(command.settings()) as db:
        directory = await only_directory(db, command.arguments.directory)
        files = await _files(db, command)
        with progress(command.output, f"reading the journal of {directory.name}"):
            tables = await rebuild.as_of(db, directory.id, command.arguments.at, files)
    group = _group(tables, directory, command.arguments.group, command.arguments.at)
    value = []
    for key, since in tables.people_of(group).items():
        name, email = tables.called(key)
        value.append({"user_id": key, "user_name": name, "email": email, "since": since})
    value.sort(key=lambda row: user_name_key(str(row["user_name"])))
    shown = table(
        ("user", "e-mail", "since"),
        ((row["user_name"], row["email"], row["since"]) for row in value),
    )
    command.output.data(value, shown if value else "no members")


def _group(tables: Tables, directory: Directory, wanted: str, moment: datetime | None) -> str:
    """Return the group of that id or name. Raise UsageError, with similar names at that time, if there is none."""
    called = {key: group.display_name for key, group in tables.groups.items()}
    for found in (
        [key for key in called if key == wanted],
        [key for key, name in called.items() if spelling(name) == spelling(wanted)],
        [key for key, name in called.items() if group_key(name) == group_key(wanted)],
    ):
        if found:
            return found[0]
    then = f"at {moment:%Y-%m-%d %H:%M:%S %Z}" if moment else "now"
    otherwise = f"there were {len(called)} groups; see `calscim journal tail --group NAME`"
    raise UsageError(
        f"{directory.name} {then}: {names.missing('group', wanted, called.values(), otherwise)}"
    )


async def _rebuild(command: Command) -> int:
    check = command.arguments.check
    async with opened(command.settings(), serving=not check) as db:
        if not check:
            await refuse_ahead(db)
        wanted = command.arguments.directory
        chosen = [await admin.find_directory(db, wanted)] if wanted else await admin.directories(db)
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
        results = []
        for one in chosen:
            with progress(command.output, f"reading the journal of {one.name}"):
                compared = await (
                    rebuild.compare(db, one, files)
                    if check
                    else rebuild.rebuild(db, editor, one, files)
                )
            results.append((one, compared))
    same = all(not compared.different for _, compared in results)
    value = {
        "same": same,
        "rebuilt": not check,
        "directories": [_as_json(one, compared) for one, compared in results],
    }
    command.output.data(value, _shown(results, check=check))
    return ExitCode.DIFFERENT if check and not same else 0


async def _files(db: Database, command: Command) -> tuple[Path, ...] | None:
    """Return the archived months of --archive, each verified; None without --archive."""
    places = command.arguments.archive
    return await read.opened(db, places) if places else None


def _as_json(directory: Directory, compared: rebuild.Compared) -> dict[str, Any]:
    return {
        "id": directory.id,
        "name": directory.name,
        "users": compared.users,
        "groups": compared.groups,
        "members": compared.members,
        "different": compared.different,
        "differences": compared.differences,
    }


def _shown(results: list[tuple[Directory, rebuild.Compared]], *, check: bool) -> RenderableType:
    parts: list[RenderableType] = [
        table(
            ("directory", "users#", "groups#", "members#", "different#"),
            (
                (one.name, found.users, found.groups, found.members, found.different)
                for one, found in results
            ),
        )
    ]
    parts += [
        lines(f"{one.name}: {difference}", style="yellow")
        for one, found in results
        for difference in found.differences
    ]
    if any(found.different for _, found in results):
        parts.append(
            lines(
                "run `calscim rebuild` to write them from the journal"
                if check
                else "written from the journal"
            )
        )
    return Group(*parts)
