"""calscim mapping: map groups to teams."""

import argparse

from calscim import admin
from calscim.admin import Draft, MappingEdits, MappingRow, TeamRef
from calscim.admin.mapping_views import mapping_view
from calscim.admin.organizations import find_organization
from calscim.admin.teams import find_or_new_team, find_team
from calscim.cli import mapping_file
from calscim.cli.command import Command
from calscim.cli.confirmation import confirm, yes_option
from calscim.cli.database import opened
from calscim.cli.output import record, table
from calscim.cli.places import chosen_directory, chosen_organization, place_options
from calscim.cli.plan import show_plans
from calscim.cli.verbs import Verbs
from calscim.config import Organization, Settings
from calscim.errors import UsageError
from calscim.exit_codes import ExitCode
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.wording import counted

ROLES = [role.value for role in Role]
MODES = [mode.value for mode in Mode]
_MODES_HELP = (
    "observe: report only; add-only: never remove; managed: add, and remove what calscim added; "
    "exclusive: the team has exactly the members of its groups"
)


def register(verbs: Verbs) -> None:
    nouns = verbs.group("mapping")
    add = nouns.add(
        "add",
        _add,
        "map a group to a team, before or after the group is pushed",
        examples=(
            'calscim mapping add --group "Sales EMEA" --team sales --mode managed --dry-run',
            "calscim mapping add --group Everyone --team @organization --mode add-only",
        ),
        exits=(ExitCode.PENDING, ExitCode.HELD),
    )
    add.add_argument("--directory", metavar="D", help="id or name; needed if there are several")
    add.add_argument("--group", required=True, metavar="NAME", help="the exact name of the group")
    add.add_argument(
        "--team",
        required=True,
        metavar="TEAM",
        help="id, slug or name; @organization: the organization itself",
    )
    change = nouns.add(
        "change",
        _change,
        "change the role, mode or team of a mapping",
        details="If the team stays the same, no member leaves it. With another team, a new mapping with a new id "
        "replaces this one, in one transaction: its people join the new team, and leave the old one as after "
        "`mapping remove`.",
        examples=(
            "calscim mapping change 7 --mode managed --dry-run",
            "calscim mapping change 7 --role ADMIN",
            "calscim mapping change 7 --team sales-emea --dry-run",
        ),
        exits=(ExitCode.PENDING, ExitCode.HELD),
    )
    change.add_argument(
        "--team", metavar="TEAM", help="another team: id, slug or name; @organization"
    )
    _role_and_mode(add, default="MEMBER", required=True)
    _role_and_mode(change)
    listing = nouns.add(
        "list",
        _list,
        "list the mappings",
        examples=("calscim mapping list", "calscim mapping list --directory Okta --json"),
    )
    place_options(listing)
    remove = nouns.add(
        "remove",
        _remove,
        "remove a mapping; in the modes managed and exclusive, its people leave the team",
        details="People who are on the team through another mapping stay.",
        examples=("calscim mapping remove 7 --dry-run", "calscim mapping remove 7"),
        exits=(ExitCode.PENDING, ExitCode.HELD),
    )
    for parser in (add, change):
        parser.add_argument(
            "--create-team",
            action="store_true",
            help="if Cal.com has no such team, create it once the group is pushed",
        )
    for parser in (change, remove):
        parser.add_argument("id", metavar="ID", type=int, help="the id that `mapping list` prints")
    for parser in (add, change, remove):
        parser.add_argument("--dry-run", action="store_true", help=mapping_file.DRY_RUN)
    for parser in (change, remove):
        yes_option(parser)

    mapping_file.register(nouns)


def _role_and_mode(
    parser: argparse.ArgumentParser, *, default: str | None = None, required: bool = False
) -> None:
    listed = ", ".join(ROLES) + (f" (default: {default})" if default else "")
    parser.add_argument(
        "--role", default=default, choices=ROLES, type=str.upper, metavar="ROLE", help=listed
    )
    parser.add_argument(
        "--mode", required=required, choices=MODES, metavar="MODE", help=_MODES_HELP
    )


async def _add(command: Command) -> int | None:
    settings, arguments = command.settings(), command.arguments
    async with opened(settings) as db:
        directory = await admin.only_directory(db, arguments.directory)
        organization = find_organization(settings, directory.organization)
        team, note = await _team(command, settings, organization)
        drafted = admin.draft(
            directory,
            group=arguments.group,
            team=team,
            role=Role(arguments.role),
            mode=Mode(arguments.mode),
        )
        if arguments.dry_run:
            _warn(command, note, await admin.preview_mapping(db, drafted))
            edits = MappingEdits(add=(drafted,))
            return await show_plans(command, db, settings, organization.name, edits)
        added, warnings = await admin.add_mapping(db, command.editor(), drafted)
    _warn(command, note, warnings)
    command.output.data(mapping_view(added), record(mapping_view(added)))
    return None


async def _team(
    command: Command, settings: Settings, organization: Organization
) -> tuple[TeamRef, str | None]:
    """Return the team of --team, with a sentence if calscim has to create it."""
    wanted = command.arguments.team
    if command.arguments.create_team:
        return await find_or_new_team(settings, organization, wanted)
    return await find_team(settings, organization, wanted), None


def _warn(command: Command, note: str | None, warnings: list[str]) -> None:
    for warning in [*([] if note is None else [note]), *warnings]:
        command.output.warn(warning)


async def _change(command: Command) -> int | None:
    settings, arguments = command.settings(), command.arguments
    if not (arguments.role or arguments.mode or arguments.team):
        raise UsageError("nothing to change: add --role, --mode or --team")
    if arguments.create_team and not arguments.team:
        raise UsageError("--create-team creates the team of --team: add --team")
    async with opened(settings) as db:
        row = await admin.find_mapping(db, arguments.id)
        role = Role(arguments.role) if arguments.role else row.role
        mode = Mode(arguments.mode) if arguments.mode else row.mode
        team, note = row.team, None
        if arguments.team is not None:
            organization = find_organization(settings, row.organization)
            team, note = await _team(command, settings, organization)
        directory = await admin.find_directory(db, row.directory_id)
        drafted = admin.draft(directory, group=row.group_name, team=team, role=role, mode=mode)
        moves = team.key != row.team.key
        if arguments.dry_run:
            _warn(command, note, await admin.preview_mapping(db, drafted) if moves else [])
            edits = _edits(row, drafted)
            return await show_plans(command, db, settings, row.organization, edits)
        if moves:
            await confirm(command, _leaving(row, to=team.name))
            changed, warnings = await admin.move_mapping(db, command.editor(), row, drafted)
            _warn(command, note, warnings)
            command.output.say(f"mapping {changed.id} replaces mapping {row.id}")
        else:
            changed = await admin.change_mapping(db, command.editor(), row, role=role, mode=mode)
    command.output.data(mapping_view(changed), record(mapping_view(changed)))
    return None


def _leaving(row: MappingRow, to: str | None = None) -> str:
    """Return what happens to the people of a mapping that is removed, or moved ``to`` another team."""
    does = f"moves mapping {row.id} to {to}" if to else f"removes mapping {row.id}"
    one = row.members == 1
    people = f"{counted(row.members, 'member')} of the group"
    if row.mode in {Mode.OBSERVE, Mode.ADD_ONLY}:
        then = f"its mode is {row.mode.value}, so {people} {'stays' if one else 'stay'} on {row.team_name}"
    else:
        then = (
            f"{people} {'leaves' if one else 'leave'} {row.team_name}, unless another mapping or an operator "
            "put them there; a limit may hold the removals"
        )
    return f"This {does} ({row.group} to {row.team_name}, {row.mode.value}): {then}. --dry-run shows the plan."


def _edits(row: MappingRow, drafted: Draft) -> MappingEdits:
    """Return the edits of a changed mapping; another team removes it and adds one."""
    if drafted.team.key == row.team.key:
        return MappingEdits(change=((row, drafted),))
    return MappingEdits(add=(drafted,), remove=(row,))


async def _list(command: Command) -> None:
    organization = chosen_organization(command)
    async with opened(command.settings()) as db:
        directory = await chosen_directory(db, command)
        rows = await admin.mappings(
            db, directory=directory.id if directory else None, organization=organization
        )
    found = [mapping_view(row) for row in rows]
    shown = table(
        ("id#", "directory", "group", "members#", "team", "team id#", "role", "mode", "state"),
        (
            (
                one.id,
                one.directory,
                one.group,
                one.members,
                one.team,
                "to be created" if one.create_team else one.team_id,
                one.role,
                one.mode,
                one.state,
            )
            for one in found
        ),
    )
    command.output.data(
        found, shown if found else "no mapping yet: see `calscim mapping add --help`"
    )


async def _remove(command: Command) -> int | None:
    settings = command.settings()
    async with opened(settings) as db:
        row = await admin.find_mapping(db, command.arguments.id)
        if command.arguments.dry_run:
            edits = MappingEdits(remove=(row,))
            return await show_plans(command, db, settings, row.organization, edits)
        await confirm(command, _leaving(row))
        seq = await admin.remove_mapping(db, command.editor(), row)
    removed = mapping_view(row, removed_seq=seq)
    command.output.data(removed, f"mapping {row.id} ({row.group} to {row.team_name}) is removed")
    return None
