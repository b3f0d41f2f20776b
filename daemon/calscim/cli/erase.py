"""calscim erase: erase a person's data from the journal and the tables. The journal can still be verified."""

from collections.abc import Iterator

from rich.console import Group, RenderableType

from calscim.admin.erasure import WHY, ErasureResult, erase_person, examine_person
from calscim.cli.command import Command
from calscim.cli.confirmation import offer
from calscim.cli.database import opened
from calscim.cli.journal_archive import archives_option
from calscim.cli.output import fields, lines
from calscim.cli.places import chosen_organization
from calscim.cli.verbs import Verbs
from calscim.journal import chain
from calscim.journal.archive import read

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
    arguments, person = command.arguments, command.arguments.person
    organization = chosen_organization(command)
    async with opened(command.settings(), owner=True) as db:
        if arguments.archive:  # report bad files before anything is erased
            await read.opened(db, arguments.archive)
        rows = await chain.size(db)
        if rows > _MANY:
            command.output.say(f"reading {rows:,} rows of the journal …")
        found = await (
            erase_person(db, command.editor(), person, organization, arguments.archive)
            if arguments.yes
            else examine_person(db, person, organization, arguments.archive)
        )
        shown = _shown(found)
        if not arguments.yes and not found.is_empty:
            shown, agreed = await offer(command, shown, "This erases the data above for good.")
            if agreed:
                erased = await erase_person(db, command.editor(), person, organization)
                found = erased.with_archives_of(found)
    command.output.data(found, Group(shown, *_outcome(found)))


def _shown(found: ErasureResult) -> RenderableType:
    parts: list[RenderableType] = [lines("nothing is left to erase")]
    if not found.is_empty:
        users = (f"{one.user_name} ({one.id}) of {one.directory_name}" for one in found.users)
        journal = found.journal
        tables = ", ".join(f"{table} {count}" for table, count in found.tables.items() if count)
        parts = [
            fields(
                [
                    ("users", tuple(users) or "an address that no directory has"),
                    ("names", ", ".join((*found.identifiers, *found.full_names))),
                    ("is replaced by", found.name),
                    (
                        "the journal",
                        f"{journal.rows} rows: {journal.bodies} bodies, {journal.effects} effects",
                    ),
                    ("rows of tables", tables),
                ]
            )
        ]
    parts += [lines(text, style="yellow") for text in _stays(found)]
    if not found.is_empty:
        parts.append(lines(f"stays: {WHY['ids']}"))
    return Group(*parts)


def _outcome(found: ErasureResult) -> Iterator[RenderableType]:
    if found.erased:
        yield lines("erased. Erase the data from backups, snapshots and logs yourself")
    elif not found.is_empty:
        yield lines("nothing was changed: add --yes to erase the data for good")


def _stays(found: ErasureResult) -> Iterator[str]:
    """Yield what the erasure cannot reach, and what to do about it."""
    stays = found.stays
    if found.shared:
        yield (
            f"another user also has the name {', '.join(found.shared)}: rows with nothing else stay"
        )
    if stays.paths:
        rows = ", ".join(
            f"{one.stream} {one.seq} ({', '.join(one.columns)})" for one in stays.paths
        )
        yield (
            f"these rows name the person in a column that stays, because the hash chain covers it: {rows}"
        )
    if stays.users:
        yield (
            "the data of other users names the person, for example as a manager: change it in the "
            f"identity provider: {', '.join(stays.users)}"
        )
    for file, count in (stays.archives or {}).items():
        yield f"{file} still names the person in {count} rows: archives are not changed"
    if stays.archives_not_read:
        files = ", ".join(stays.archives_not_read)
        yield f"archived months were not read ({files}): add --archive with their folder"
