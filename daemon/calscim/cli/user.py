"""calscim user: list and show the users that identity providers have pushed."""

from rich.console import Group

from calscim.admin.people import search_users, show_user
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import dump, fields, lines, table
from calscim.cli.parser import a_count
from calscim.cli.places import chosen_directory, chosen_organization, place_options
from calscim.cli.verbs import Verbs
from calscim.wording import moment

_SHOWN = 100


def register(verbs: Verbs) -> None:
    nouns = verbs.group("user")
    listing = nouns.add(
        "list",
        _list,
        "list users by userName",
        examples=("calscim user list", "calscim user list --search lee --inactive --json"),
    )
    listing.add_argument(
        "--search",
        default="",
        metavar="TEXT",
        help="only users with this text in a name, address or id",
    )
    place_options(listing)
    either = listing.add_mutually_exclusive_group()
    either.add_argument("--active", action="store_true", help="only active users")
    either.add_argument("--inactive", action="store_true", help="only users that are not active")
    listing.add_argument(
        "--limit",
        type=a_count,
        default=_SHOWN,
        metavar="N",
        help=f"at most N users (default: {_SHOWN}); 0: all",
    )
    show = nouns.add(
        "show",
        _show,
        "show one user with its groups, its Cal.com account and its teams",
        details="`calscim explain` says why the person is or is not on a team.",
        examples=("calscim user show ann@acme.com", "calscim user show 00u1a2b3c4 --json"),
    )
    show.add_argument("user", metavar="USER", help="userName, address, externalId or id")
    show.add_argument("--directory", metavar="D", help="only in this directory, by id or name")


async def _list(command: Command) -> None:
    arguments, organization = command.arguments, chosen_organization(command)
    wanted = arguments.limit + 1 if arguments.limit else 2**31 - 1
    async with opened(command.settings()) as db:
        directory = await chosen_directory(db, command)
        found = await search_users(
            db,
            arguments.search,
            organization=organization,
            directory=directory.id if directory else None,
            active=True if arguments.active else False if arguments.inactive else None,
            limit=wanted,
        )
    shown = found[: arguments.limit] if arguments.limit else found
    columns = (
        "user",
        "address",
        "name",
        "directory",
        "active",
        "managed",
        "groups#",
        "cal.com user#",
    )
    rows = (
        (
            one.user_name,
            one.email,
            one.name,
            one.directory,
            one.active,
            one.managed,
            one.groups,
            one.cal_user_id,
        )
        for one in shown
    )
    command.output.data(shown, table(columns, rows) if shown else "there is no such user")
    if len(found) > len(shown):
        command.output.say("there are more users: add --limit 0, or --search TEXT")


async def _show(command: Command) -> None:
    async with opened(command.settings()) as db:
        directory = await chosen_directory(db, command)
        found = await show_user(db, command.arguments.user, directory)
    facts = fields(
        (
            ("user", found.user_name),
            ("id", found.id),
            ("external id", found.external_id),
            ("address", found.email),
            ("directory", found.directory),
            ("active", found.active),
            ("managed", found.managed),
            ("last change", f"{moment(found.updated_at)}, journal {found.changed_seq}"),
            ("cal.com user", found.cal_user_id),
            ("groups", ", ".join(one.name for one in found.groups) or "none"),
            (
                "teams",
                ", ".join(
                    f"{one.team or one.team_id} ({one.role}, {one.origin})" for one in found.teams
                )
                or "none",
            ),
        )
    )
    resource = lines(*dump(found.resource, indent=True).split("\n"))
    command.output.data(found, Group(facts, lines("", "attributes:"), resource))
