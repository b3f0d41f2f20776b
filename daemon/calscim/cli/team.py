"""calscim team: list Cal.com's teams, and pause one."""

from calscim import admin
from calscim.admin.organizations import find_organization, find_organizations
from calscim.admin.pause_views import PausedTarget, ResumedTarget
from calscim.admin.teams import ORGANIZATION, find_team, list_teams, pause_target
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.times import a_duration
from calscim.cli.verbs import Verbs
from calscim.wording import moment


def register(verbs: Verbs) -> None:
    nouns = verbs.group("team")
    listing = nouns.add(
        "list",
        _list,
        "list the teams with the groups mapped to them",
        examples=("calscim team list", "calscim team list --organization acme --json"),
    )
    pause = nouns.add(
        "pause",
        _pause,
        "stop changing a team; changes that identity providers push are still accepted",
        examples=("calscim team pause Sales --for 2h", "calscim team pause @organization"),
    )
    pause.add_argument(
        "--for", dest="seconds", type=a_duration, metavar="2h", help="end the pause after this time"
    )
    resume = nouns.add(
        "resume",
        _resume,
        "end a pause",
        examples=("calscim team resume Sales", "calscim team resume @organization"),
    )
    for parser in (pause, resume):
        parser.add_argument(
            "team", metavar="TEAM", help=f"id, slug or name; {ORGANIZATION}: the whole organization"
        )
    for parser in (listing, pause, resume):
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


async def _pause(command: Command) -> None:
    settings = command.settings()
    organization = find_organization(settings, command.arguments.organization)
    team = await find_team(settings, organization, command.arguments.team)
    scope, target = pause_target(organization, team)
    async with opened(settings) as db:
        until = await admin.pause(
            db,
            command.editor(),
            organization=organization.name,
            scope=scope,
            target=target,
            seconds=command.arguments.seconds,
        )
    value = PausedTarget(team.id, team.name, until)
    end = f"until {moment(until)}" if until else "until you run `calscim team resume`"
    command.output.data(value, f"{team.name} is paused {end}")


async def _resume(command: Command) -> None:
    settings = command.settings()
    organization = find_organization(settings, command.arguments.organization)
    team = await find_team(settings, organization, command.arguments.team)
    scope, target = pause_target(organization, team)
    async with opened(settings) as db:
        was = await admin.resume(
            db, command.editor(), organization=organization.name, scope=scope, target=target
        )
    value = ResumedTarget(team.id, team.name, was)
    command.output.data(value, f"{team.name} {'is active again' if was else 'was not paused'}")
