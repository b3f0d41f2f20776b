"""calscim mapping: which group's people go onto which team."""

from typing import Any

from calscim import admin
from calscim.admin import MappingEdits
from calscim.cli import mapping_files
from calscim.cli.call import Call
from calscim.cli.chosen import the_directory, the_organization
from calscim.cli.database import opened
from calscim.cli.output import fields, table
from calscim.cli.reconciling import show_plans
from calscim.cli.teams import find_or_new, find_team
from calscim.cli.verbs import Verbs
from calscim.planner.modes import Mode
from calscim.planner.roles import Role

ROLES = [role.value for role in Role]
MODES = [mode.value for mode in Mode]


def register(verbs: Verbs) -> None:
    nouns = verbs.group("mapping")
    add = nouns.add("add", _add, "map a group to a team, before or after it is pushed")
    add.add_argument("--directory", metavar="D", help="id or name; not needed for the only one")
    add.add_argument("--group", required=True, metavar="NAME", help="its exact name")
    add.add_argument(
        "--team",
        required=True,
        metavar="TEAM",
        help="id, slug or name; @organization for the organization itself",
    )
    add.add_argument(
        "--create-team",
        action="store_true",
        help="where Cal.com has no such team, calscim makes one of that name once the group is there",
    )
    change = nouns.add("change", _change, "another role or mode; nobody leaves in between")
    add.add_argument(
        "--role",
        default="MEMBER",
        choices=ROLES,
        type=str.upper,
        metavar="ROLE",
        help=f"{', '.join(ROLES)} (default: MEMBER)",
    )
    add.add_argument("--mode", required=True, choices=MODES, metavar="MODE", help=_modes())
    change.add_argument(
        "--role", choices=ROLES, type=str.upper, metavar="ROLE", help=", ".join(ROLES)
    )
    change.add_argument("--mode", choices=MODES, metavar="MODE", help=_modes())
    listing = nouns.add("list", _list, "every mapping")
    listing.add_argument("--directory", metavar="D", help="of one directory only")
    listing.add_argument("--organization", metavar="ORG", help="of one organization only")
    remove = nouns.add(
        "remove", _remove, "unmap; managed and exclusive take away what it alone gave"
    )
    for parser in (change, remove):
        parser.add_argument("id", metavar="ID", type=int, help="its number in the list")
    for parser in (add, change, remove):
        parser.add_argument("--dry-run", action="store_true", help=mapping_files.DRY_RUN)

    mapping_files.register(nouns)


def _modes() -> str:
    return (
        "observe: report only; add-only: never remove; managed: add, and remove what calscim added; "
        "exclusive: the team is exactly its groups"
    )


def as_json(row: admin.MappingRow) -> dict[str, Any]:
    """In the form of ``mapping list --json``."""
    return {
        "id": row.id,
        "directory": row.directory,
        "directory_id": row.directory_id,
        "organization": row.organization,
        "group": row.group,
        "group_id": row.group_id,
        "mapped_as": row.group_name,
        "team_id": row.team.id,
        "create_team": row.create_team,
        "team": row.team_name,
        "role": row.role.value,
        "mode": row.mode.value,
        "members": row.members,
        "state": row.state,
    }


async def _add(call: Call) -> int | None:
    settings, arguments = call.settings(), call.arguments
    async with opened(settings) as db:
        directory = await the_directory(db, arguments.directory)
        organization = the_organization(settings, directory.organization)
        if arguments.create_team:
            team, about = await find_or_new(settings, organization, arguments.team)
        else:
            team, about = await find_team(settings, organization, arguments.team), None
        drafted = admin.draft(
            directory,
            group=arguments.group,
            team=team,
            role=Role(arguments.role),
            mode=Mode(arguments.mode),
        )
        if arguments.dry_run:
            _warn(call, about, await admin.preview_mapping(db, drafted))
            edits = MappingEdits(add=(drafted,))
            return await show_plans(call, db, settings, organization.name, edits)
        added, warnings = await admin.add_mapping(
            db,
            call.editor(),
            directory,
            group=drafted.group,
            team=team,
            role=drafted.role,
            mode=drafted.mode,
        )
    _warn(call, about, warnings)
    call.output.data(as_json(added), _shown(added))
    return None


def _warn(call: Call, about: str | None, warnings: list[str]) -> None:
    for warning in [*([] if about is None else [about]), *warnings]:
        call.output.warn(warning)


async def _change(call: Call) -> int | None:
    settings, arguments = call.settings(), call.arguments
    async with opened(settings) as db:
        row = await admin.find_mapping(db, arguments.id)
        role = Role(arguments.role) if arguments.role else row.role
        mode = Mode(arguments.mode) if arguments.mode else row.mode
        if arguments.dry_run:
            directory = await admin.find_directory(db, row.directory_id)
            drafted = admin.draft(
                directory, group=row.group_name, team=row.team, role=role, mode=mode
            )
            edits = MappingEdits(change=((row, drafted),))
            return await show_plans(call, db, settings, row.organization, edits)
        changed = await admin.change_mapping(db, call.editor(), row, role=role, mode=mode)
    call.output.data(as_json(changed), _shown(changed))
    return None


async def _list(call: Call) -> None:
    settings, organization = call.settings(), call.arguments.organization
    if organization is not None:
        organization = the_organization(settings, organization).name
    async with opened(settings) as db:
        wanted = call.arguments.directory
        directory = (await admin.find_directory(db, wanted)).id if wanted else None
        found = await admin.mappings(db, directory=directory, organization=organization)
    shown = table(
        ("id#", "directory", "group", "members#", "team", "team id#", "role", "mode", "state"),
        (
            (
                row.id,
                row.directory,
                row.group,
                row.members,
                row.team_name,
                "to be made" if row.create_team else row.team_id,
                row.role.value,
                row.mode.value,
                row.state,
            )
            for row in found
        ),
    )
    value = [as_json(row) for row in found]
    call.output.data(value, shown if found else "no mapping yet: see `calscim mapping add --help`")


async def _remove(call: Call) -> int | None:
    settings = call.settings()
    async with opened(settings) as db:
        row = await admin.find_mapping(db, call.arguments.id)
        if call.arguments.dry_run:
            edits = MappingEdits(remove=(row,))
            return await show_plans(call, db, settings, row.organization, edits)
        seq = await admin.remove_mapping(db, call.editor(), row)
    value = {**as_json(row), "state": "removed", "removed_seq": seq}
    call.output.data(value, f"mapping {row.id} ({row.group} to {row.team_name}) is removed")
    return None


def _shown(row: admin.MappingRow) -> Any:
    return fields((name.replace("_", " "), value) for name, value in as_json(row).items())
