"""calscim team: list Cal.com's teams, compare one with its groups, adopt its members, and pause one."""

import shlex
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType

from calscim.admin.organizations import find_organization, find_organizations
from calscim.admin.team_members import (
    AdoptedMembers,
    ComparedMember,
    TeamComparison,
    adopt_members,
    compare_team,
)
from calscim.admin.teams import ORGANIZATION, find_team, list_teams, pause_target
from calscim.cli.command import Command
from calscim.cli.confirmation import offer
from calscim.cli.database import opened
from calscim.cli.output import lines, table
from calscim.cli.pausing import Target, for_option, pause, resume
from calscim.cli.verbs import Verbs
from calscim.config import Settings
from calscim.exit_codes import ExitCode
from calscim.wording import counted


def register(verbs: Verbs) -> None:
    nouns = verbs.group("team")
    listing = nouns.add(
        "list",
        _list,
        "list the teams with the groups mapped to them",
        examples=("calscim team list", "calscim team list --organization acme --json"),
    )
    members = nouns.add(
        "members",
        _members,
        "list the members of a team beside what its mapped groups want",
        details="Calls Cal.com, changes nothing. ADDED BY says who made the membership: calscim; adopted, by `calscim "
        "team adopt`; or others, such as an administrator or Cal.com's own directory sync.",
        examples=("calscim team members sales", "calscim team members sales --json"),
    )
    adopt = nouns.add(
        "adopt",
        _adopt,
        "treat memberships that others made as added by calscim, if a mapped group wants them",
        details="In the mode managed, calscim then removes such a person once no mapped group wants the membership. "
        "A role that was set by hand is never lowered. Without --yes it lists the people and asks on a terminal; "
        "without a terminal, it exits with 2 if there is anyone to adopt.",
        examples=("calscim team adopt sales", "calscim team adopt sales --yes"),
        exits=(ExitCode.PENDING,),
    )
    adopt.add_argument("--yes", action="store_true", help="adopt without asking")
    pausing = nouns.add(
        "pause",
        _pause,
        "stop changing a team; changes that identity providers push are still accepted",
        examples=("calscim team pause Sales --for 2h", "calscim team pause @organization"),
    )
    for_option(pausing)
    resuming = nouns.add(
        "resume",
        _resume,
        "end a pause",
        examples=("calscim team resume Sales", "calscim team resume @organization"),
    )
    for parser in (pausing, resuming):
        parser.add_argument(
            "team", metavar="TEAM", help=f"id, slug or name; {ORGANIZATION}: the whole organization"
        )
    for parser in (members, adopt):
        parser.add_argument("team", metavar="TEAM", help="id, slug or name")
    for parser in (listing, members, adopt, pausing, resuming):
        parser.add_argument("--organization", metavar="ORG", help="needed if there are several")


async def _list(command: Command) -> None:
    settings = command.settings()
    organizations = find_organizations(settings, command.arguments.organization)
    async with opened(settings) as db:
        teams = await list_teams(db, settings, organizations)
    shown = table(
        ("id#", "team", "slug", "organization", "mapped groups", "state"),
        (
            (
                team.id,
                team.name,
                team.slug,
                team.organization,
                ", ".join(team.groups),
                "paused" if team.paused else "active",
            )
            for team in teams
        ),
    )
    command.output.data(teams, shown if teams else "Cal.com has no team yet")


async def _members(command: Command) -> None:
    settings = command.settings()
    organization = find_organization(settings, command.arguments.organization)
    async with opened(settings) as db:
        compared = await compare_team(db, settings, organization, command.arguments.team)
    shown = [_member_table(compared.members)] if compared.members else []
    command.output.data(compared, Group(*shown, *(lines(note) for note in _notes(compared))))


async def _adopt(command: Command) -> int:
    settings = command.settings()
    organization = find_organization(settings, command.arguments.organization)
    async with opened(settings) as db:
        compared = await compare_team(db, settings, organization, command.arguments.team)
        adoptable = compared.adoptable
        is_adopted = bool(adoptable) and command.arguments.yes
        shown: RenderableType = _member_table(adoptable) if adoptable else Group()
        if adoptable and not is_adopted:
            shown, is_adopted = await offer(
                command,
                shown,
                f"calscim will remove these people from {compared.team} once no mapped group wants them there.",
            )
        if is_adopted:
            await adopt_members(db, command.editor(), organization.name, compared)
    value = AdoptedMembers(compared.team_id, compared.team, adoptable, is_adopted)
    command.output.data(value, Group(shown, lines(_adoption(value))))
    return ExitCode.PENDING if adoptable and not is_adopted else 0


def _member_table(members: Iterable[ComparedMember]) -> RenderableType:
    return table(
        ("person", "in Cal.com as", "wanted as", "groups", "added by"),
        (
            (
                member.email,
                member.role or "-",
                member.wanted or "-",
                ", ".join(member.groups),
                member.added_by or "-",
            )
            for member in members
        ),
    )


def _notes(compared: TeamComparison) -> Iterator[str]:
    if not compared.members:
        yield f"{compared.team} has no members, and no mapped group wants any"
    if adoptable := len(compared.adoptable):
        yield (
            f"{counted(adoptable, 'membership')} in a mapped group, added by others: in managed, the people stay when "
            f"they leave the group. `calscim team adopt {shlex.quote(compared.team)}` changes that."
        )


def _adoption(value: AdoptedMembers) -> str:
    count = counted(len(value.members), "membership")
    if value.adopted:
        return f"adopted {count} on {value.team}"
    if value.members:
        return f"nothing was changed: add --yes to adopt {count}"
    return f"no membership on {value.team} can be adopted: no person in a mapped group was added by others"


async def _pause(command: Command) -> None:
    settings = command.settings()
    target = await _target(command, settings)
    async with opened(settings) as db:
        await pause(command, db, target)


async def _resume(command: Command) -> None:
    settings = command.settings()
    target = await _target(command, settings)
    async with opened(settings) as db:
        await resume(command, db, target)


async def _target(command: Command, settings: Settings) -> Target:
    organization = find_organization(settings, command.arguments.organization)
    team = await find_team(settings, organization, command.arguments.team)
    return Target(organization.name, *pause_target(organization, team), team.id, team.name)
