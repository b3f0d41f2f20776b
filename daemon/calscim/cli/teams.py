"""calscim team: Cal.com's teams, and leaving one alone for a while."""

from typing import Any

from calscim import admin
from calscim.admin import TeamRef, names
from calscim.admin.plan_preview import chosen, reading, the_team
from calscim.cli.call import Call, a_duration
from calscim.cli.chosen import the_organization
from calscim.cli.database import opened
from calscim.cli.output import moment, table
from calscim.cli.verbs import Verbs
from calscim.config import Organization, Settings
from calscim.errors import RemoteError, RemoteKind, UsageError
from calscim.names import team_key
from calscim.planner.ids import TeamId
from calscim.planner.observed_state import Incomplete, Team
from calscim.planner.teams import creation

ORGANIZATION = "@organization"


def register(verbs: Verbs) -> None:
    nouns = verbs.group("team")
    listing = nouns.add("list", _list, "every team of the organizations, with its mappings")
    pause = nouns.add("pause", _pause, "leave a team alone")
    pause.add_argument("--for", dest="seconds", type=a_duration, metavar="2h", help="then go on")
    resume = nouns.add("resume", _resume, "end a pause")
    for parser in (pause, resume):
        parser.add_argument(
            "team", metavar="TEAM", help=f"id, slug or name; {ORGANIZATION}: the whole organization"
        )
    for parser in (listing, pause, resume):
        parser.add_argument(
            "--organization", metavar="ORG", help="may be left out for the only one"
        )


async def read_teams(settings: Settings, organization: Organization) -> dict[TeamId, Team]:
    """All teams. RemoteError when Cal.com does not answer, or not to the end."""
    async with reading(settings, organization) as reader:
        found = await reader.teams()
    if isinstance(found, Incomplete):
        raise RemoteError(
            RemoteKind.UNREACHABLE, f"Cal.com's teams could not be read: {found.reason}"
        )
    return found.value


async def find_team(settings: Settings, organization: Organization, wanted: str) -> TeamRef:
    """A team by id, slug or name, or the organization itself. UsageError naming near misses."""
    if wanted == ORGANIZATION:
        return TeamRef(None, organization.name)
    return resolve(await read_teams(settings, organization), organization, wanted)


async def find_or_new(
    settings: Settings, organization: Organization, wanted: str
) -> tuple[TeamRef, str | None]:
    """A team by id, slug or name, or one to be made, with a sentence about it. UsageError when it is unclear."""
    if wanted == ORGANIZATION:
        return TeamRef(None, organization.name), None
    return resolve_or_new(await read_teams(settings, organization), wanted)


def resolve_or_new(teams: dict[TeamId, Team], wanted: str) -> tuple[TeamRef, str | None]:
    name = names.clean("a team", wanted)
    there = creation.existing(teams.values(), name)
    if isinstance(there, str):
        raise UsageError(there)
    if there is not None:
        return TeamRef(there.id, there.name), None
    if name.isdecimal():
        raise UsageError(
            f"no team has the id {name}, and a new one is not called by a number alone"
        )
    near = names.near(name, (team.name for team in teams.values()))
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    return TeamRef(None, name, new=True), f"Cal.com has no team {name!r}: calscim makes it{hint}"


def resolve(teams: dict[TeamId, Team], organization: Organization, wanted: str) -> TeamRef:
    found = the_team(teams.values(), organization.name, wanted)
    return TeamRef(found.id, found.name)


async def _list(call: Call) -> None:
    settings = call.settings()
    values: list[dict[str, Any]] = []
    async with opened(settings) as db:
        paused = {pause.target for pause in await admin.pauses(db) if pause.scope == "team"}
        for organization in chosen(settings, call.arguments.organization):
            mapped = await admin.mappings(db, organization=organization.name)
            for team in (await read_teams(settings, organization)).values():
                groups = [row.group for row in mapped if row.team_id == team.id]
                values.append(
                    {
                        "id": team.id,
                        "name": team.name,
                        "slug": team.slug,
                        "organization": organization.name,
                        "paused": f"{organization.name}/{team.id}" in paused,
                        "groups": groups,
                    }
                )
    values.sort(key=lambda value: (value["organization"], team_key(value["name"])))
    shown = table(
        ("id#", "team", "slug", "organization", "mapped groups", "state"),
        (
            (
                value["id"],
                value["name"],
                value["slug"],
                value["organization"],
                ", ".join(value["groups"]),
                "paused" if value["paused"] else "active",
            )
            for value in values
        ),
    )
    call.output.data(values, shown if values else "Cal.com has no team yet")


async def _pause(call: Call) -> None:
    settings = call.settings()
    organization = the_organization(settings, call.arguments.organization)
    team = await find_team(settings, organization, call.arguments.team)
    scope, target = _target(organization, team)
    async with opened(settings) as db:
        until = await admin.pause(
            db,
            call.editor(),
            organization=organization.name,
            scope=scope,
            target=target,
            seconds=call.arguments.seconds,
        )
    value = {"id": team.id, "name": team.name, "paused": True, "paused_until": until}
    end = f"until {moment(until)}" if until else "until `calscim team resume`"
    call.output.data(value, f"{team.name} is paused {end}")


async def _resume(call: Call) -> None:
    settings = call.settings()
    organization = the_organization(settings, call.arguments.organization)
    team = await find_team(settings, organization, call.arguments.team)
    scope, target = _target(organization, team)
    async with opened(settings) as db:
        was = await admin.resume(
            db, call.editor(), organization=organization.name, scope=scope, target=target
        )
    value = {"id": team.id, "name": team.name, "paused": False, "was_paused": was}
    call.output.data(value, f"{team.name} {'goes on' if was else 'was not paused'}")


def _target(organization: Organization, team: TeamRef) -> tuple[admin.Scope, str]:
    if team.id is None:
        return "organization", organization.name
    return "team", f"{organization.name}/{team.id}"
