"""calscim group: list the groups that identity providers have pushed."""

from calscim import admin
from calscim.admin.organizations import find_organization
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    nouns = verbs.group("group")
    listing = nouns.add(
        "list",
        _list,
        "list groups with their members and mappings",
        examples=("calscim group list", "calscim group list --directory Okta --json"),
    )
    listing.add_argument("--directory", metavar="D", help="only this directory, by id or name")
    listing.add_argument("--organization", metavar="ORG", help="only this organization")


async def _list(command: Command) -> None:
    settings, organization = command.settings(), command.arguments.organization
    if organization is not None:
        organization = find_organization(settings, organization).name
    async with opened(settings) as db:
        wanted = command.arguments.directory
        directory = (await admin.find_directory(db, wanted)).id if wanted else None
        found = await admin.groups(db, directory=directory, organization=organization)
    shown = table(
        ("group", "directory", "members#", "mapped to"),
        ((group.name, group.directory, group.members, _mapped_to(group)) for group in found),
    )
    command.output.data(found, shown if found else "the identity provider has pushed no group yet")


def _mapped_to(group: admin.PushedGroup) -> str:
    return ", ".join(f"{one.team} ({one.role}, {one.mode})" for one in group.mappings)
