"""calscim erase: erase a person's data from the journal and the tables. The journal can still be verified."""

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType

from calscim.admin.organizations import find_organization
from calscim.cli.command import Command
from calscim.cli.confirmation import agreed, can_ask
from calscim.cli.database import opened
from calscim.cli.journal_archive import archives_option
from calscim.cli.output import fields, lines
from calscim.cli.verbs import Verbs
from calscim.journal import chain
from calscim.journal.archive import read
from calscim.journal.erasure import erase
from calscim.journal.erasure.erase import Found

_WHY = {
    "paths": "path, resource_id, request_id and remote are covered by the hash chain: without them the journal cannot "
    "be verified",
    "users": "the data of other users is the identity provider's: change it there",
    "archives": "files of archived months are not changed: delete or replace them under your own retention rules",
    "ids": "SCIM ids, Cal.com user ids, times, teams and digests stay in the journal and the tables: they prove the "
    "journal and show what was done, and are no data about a person without the identity provider",
}
_MANY = 50_000  # rows that take long enough to say so


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "erase",
        _erase,
        details="For a person who has left: an active user is refused. Without --yes it shows what would be erased, "
        "and erases it only if you agree on a terminal; an erasure cannot be undone. Needs the owner of the tables "
        "(database.migration_dsn).",
        examples=("calscim erase ann@acme.com", "calscim erase ann@acme.com --yes"),
    )
    parser.add_argument(
        "person", metavar="PERSON", help="an e-mail address, a userName or a SCIM id"
    )
    parser.add_argument("--organization", metavar="ORG", help="only in this organization")
    parser.add_argument("--yes", action="store_true", help="erase the data")
    archives_option(parser)


async def _erase(command: Command) -> None:
    arguments = command.arguments
    name = arguments.organization
    organization = find_organization(command.settings(), name).name if name else None
    asks = not arguments.yes and not command.output.json and can_ask()
    done = arguments.yes
    async with opened(command.settings(), owner=True) as db:
        if arguments.archive:  # report bad files before anything is erased
            await read.opened(db, arguments.archive)
        rows = await chain.size(db)
        if rows > _MANY:
            command.output.say(f"reading {rows:,} rows of the journal …")
        found = (
            await erase.erase(db, command.editor(), arguments.person, organization)
            if arguments.yes
            else await erase.examine(db, arguments.person, organization)
        )
        files = await erase.in_archives(db, found, arguments.archive) if arguments.archive else None
        unread = [] if files is not None else [one.file for one in await read.remembered(db)]
        shown = _shown(found, files, unread)
        if asks and not found.nothing:
            command.output.show(shown)
            shown = Group()
            done = await agreed(command, "This erases the data above for good.")
            if done:
                found = await erase.erase(db, command.editor(), arguments.person, organization)
    done = done and not found.nothing
    command.output.data(
        _value(found, files, unread, done=done), Group(shown, *_outcome(found, done=done))
    )


def _value(
    found: Found, files: dict[str, int] | None, unread: list[str], *, done: bool
) -> dict[str, Any]:
    return {
        "erased": done,
        "name": found.name,
        "users": [
            {"id": row["id"], "directory": row["directory"], "user_name": row["name"]}
            for row in found.users
        ],
        "identifiers": found.identifiers,
        "full_names": found.called,
        "shared": found.shared,
        "journal": {
            "rows": found.rows.count(),
            "streams": found.rows.named(found.rows.streams()),
        },
        "tables": found.tables,
        "stays": {
            "paths": [
                {"stream": stream, "seq": seq, "columns": columns}
                for stream, seq, columns in found.rows.stays
            ],
            "users": sorted(found.rows.others),
            "archives": files,
            "archives_not_read": unread,
            "why": _WHY,
        },
    }


def _shown(found: Found, files: dict[str, int] | None, unread: list[str]) -> RenderableType:
    if found.nothing:
        parts: list[RenderableType] = [lines("nothing is left to erase")]
    else:
        users = (f"{row['name']} ({row['id']}) of {row['directory_name']}" for row in found.users)
        bodies, effects = (
            sum(len(numbers) for numbers in column.values())
            for column in (found.rows.body, found.rows.effect)
        )
        tables = ", ".join(f"{table} {count}" for table, count in found.tables.items() if count)
        parts = [
            fields(
                [
                    ("users", tuple(users) or "an address that no directory has"),
                    ("names", ", ".join((*found.identifiers, *found.called))),
                    ("is replaced by", found.name),
                    (
                        "the journal",
                        f"{found.rows.count()} rows: {bodies} bodies, {effects} effects",
                    ),
                    ("rows of tables", tables),
                ]
            )
        ]
    parts += [lines(text, style="yellow") for text in _stays(found, files, unread)]
    if not found.nothing:
        parts.append(lines(f"stays: {_WHY['ids']}"))
    return Group(*parts)


def _outcome(found: Found, *, done: bool) -> Iterator[RenderableType]:
    if done:
        yield lines("erased. Erase the data from backups, snapshots and logs yourself")
    elif not found.nothing:
        yield lines("nothing was changed: add --yes to erase the data for good")


def _stays(found: Found, files: dict[str, int] | None, unread: list[str]) -> list[str]:
    """Return what the erasure cannot reach, and what to do about it."""
    said = []
    if found.shared:
        said.append(
            f"another user also has the name {', '.join(found.shared)}: rows with nothing else stay"
        )
    if found.rows.stays:
        rows = ", ".join(
            f"{stream} {seq} ({', '.join(columns)})" for stream, seq, columns in found.rows.stays
        )
        said.append(
            f"these rows name the person in a column that stays, because the hash chain covers it: {rows}"
        )
    if found.rows.others:
        users = ", ".join(sorted(found.rows.others))
        said.append(
            f"the data of other users names the person, for example as a manager: change it in the "
            f"identity provider: {users}"
        )
    for file, count in (files or {}).items():
        said.append(f"{file} still names the person in {count} rows: archives are not changed")
    if unread:
        said.append(
            f"archived months were not read ({', '.join(unread)}): add --archive with their folder"
        )
    return said
