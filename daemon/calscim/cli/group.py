"""calscim group: list and show the groups that identity providers have pushed."""

from rich.console import Group

from calscim import admin
from calscim.admin.groups import ShownGroup, show_group
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import fields, lines, table
from calscim.cli.places import chosen_directory, chosen_organization, place_options
from calscim.cli.verbs import Verbs
from calscim.wording import moment


def register(verbs: Verbs) -> None:
    nouns = verbs.group("group")
    listing = nouns.add(
        "list",
        _list,
        "list groups with their members and mappings",
        examples=("calscim group list", "calscim group list --directory Okta --json"),
    )
    place_options(listing)
    show = nouns.add(
        "show",
        _show,
        "show one group with its members and mappings",
        examples=(
            "calscim group show Sales",
            'calscim group show "Sales EMEA" --directory Okta --json',
        ),
    )
    show.add_argument("group", metavar="GROUP", help="name, id or externalId")
    show.add_argument("--directory", metavar="D", help="only in this directory, by id or name")


async def _list(command: Command) -> None:
    organization = chosen_organization(command)
    async with opened(command.settings()) as db:
        directory = await chosen_directory(db, command)
        found = await admin.groups(
            db, directory=directory.id if directory else None, organization=organization
        )
    shown = table(
        ("group", "directory", "members#", "mapped to"),
        ((group.name, group.directory, group.members, _mapped_to(group)) for group in found),
    )
    command.output.data(found, shown if found else "the identity provider has pushed no group yet")


async def _show(command: Command) -> None:
    async with opened(command.settings()) as db:
        directory = await chosen_directory(db, command)
        found = await show_group(db, command.arguments.group, directory)
    facts = fields(
        (
            ("group", found.name),
            ("id", found.id),
            ("external id", found.external_id),
            ("directory", found.directory),
            ("last change", f"{moment(found.updated_at)}, journal {found.changed_seq}"),
            ("mapped to", _mapped_to(found) or "no team"),
        )
    )
    rows = (
        (one.name, one.email, one.kind.lower(), one.active, one.since_seq) for one in found.members
    )
    members = table(("member", "address", "kind", "active", "since journal#"), rows)
    command.output.data(
        found, Group(facts, lines(), members if found.members else lines("it has no members"))
    )


def _mapped_to(group: admin.PushedGroup | ShownGroup) -> str:
    return ", ".join(f"{one.team} ({one.role}, {one.mode})" for one in group.mappings)
