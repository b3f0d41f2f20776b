"""calscim group: what the identity providers pushed."""

from typing import Any

from calscim import admin
from calscim.cli.call import Call
from calscim.cli.chosen import the_organization
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    nouns = verbs.group("group")
    listing = nouns.add("list", _list, "groups with their members and mappings")
    listing.add_argument("--directory", metavar="D", help="of one directory only, by id or name")
    listing.add_argument("--organization", metavar="ORG", help="of one organization only")


async def _list(call: Call) -> None:
    settings, organization = call.settings(), call.arguments.organization
    if organization is not None:
        organization = the_organization(settings, organization).name
    async with opened(settings) as db:
        wanted = call.arguments.directory
        directory = (await admin.find_directory(db, wanted)).id if wanted else None
        found = await admin.groups(db, directory=directory, organization=organization)
    value = [
        {
            "id": row.id,
            "name": row.name,
            "directory": row.directory,
            "directory_id": row.directory_id,
            "organization": row.organization,
            "members": row.members,
            "mappings": row.mappings,
        }
        for row in found
    ]
    shown = table(
        ("group", "directory", "members#", "mapped to"),
        ((row.name, row.directory, row.members, _targets(row.mappings)) for row in found),
    )
    call.output.data(value, shown if found else "no group was pushed yet")


def _targets(mappings: tuple[dict[str, Any], ...]) -> str:
    return ", ".join(f"{entry['team']} ({entry['role']}, {entry['mode']})" for entry in mappings)
