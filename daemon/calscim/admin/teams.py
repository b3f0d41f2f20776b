"""Cal.com's teams: find one by what an operator typed, and list them with their mappings."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import aiohttp
import structlog

from calscim.admin import names
from calscim.admin.mappings import TeamRef, mappings
from calscim.admin.pauses import Scope, pauses
from calscim.calcom.reader import Reader
from calscim.clock import SystemClock
from calscim.config import Organization, Settings
from calscim.errors import RemoteError, RemoteKind, UsageError
from calscim.names import team_key
from calscim.planner.ids import TeamId
from calscim.planner.naming import match_team
from calscim.planner.observed_state import Incomplete, Team
from calscim.planner.teams import creation
from calscim.postgres.pool import Database
from calscim.reconciler.calcom_client import NOTED, client

log = structlog.get_logger()

ORGANIZATION = "@organization"  # what operators type for the organization itself


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team of Cal.com with the groups that are mapped to it."""

    id: int
    name: str
    slug: str | None
    organization: str
    paused: bool
    groups: tuple[str, ...]


@asynccontextmanager
async def reading(settings: Settings, organization: Organization) -> AsyncIterator[Reader]:
    """Open a reader of one organization's Cal.com."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        calls = client(session, settings, organization, SystemClock())
        calls.notify_waits(partial(_log_wait, organization.name))
        yield Reader(calls)


async def _log_wait(organization: str, seconds: float) -> None:
    """Log a long wait for Cal.com's rate limit, so that the operator knows why the answer takes long."""
    if seconds >= NOTED:
        until = SystemClock().now() + timedelta(seconds=seconds)
        log.warning(
            "calcom.rate_limited", organization=organization, until=f"{until:%Y-%m-%d %H:%M:%S}Z"
        )


async def list_teams(
    db: Database, settings: Settings, organizations: Iterable[Organization]
) -> list[TeamView]:
    """Return every team of these organizations, by organization and name."""
    paused = {pause.target for pause in await pauses(db) if pause.scope == "team"}
    found = []
    for organization in organizations:
        mapped = await mappings(db, organization=organization.name)
        for team in (await read_teams(settings, organization)).values():
            groups = tuple(row.group for row in mapped if row.team_id == team.id)
            is_paused = f"{organization.name}/{team.id}" in paused
            found.append(
                TeamView(team.id, team.name, team.slug, organization.name, is_paused, groups)
            )
    return sorted(found, key=lambda team: (team.organization, team_key(team.name)))


async def read_teams(settings: Settings, organization: Organization) -> Mapping[TeamId, Team]:
    """Return all teams of the organization. RemoteError if Cal.com does not list all of them."""
    async with reading(settings, organization) as reader:
        found = await reader.teams()
    if isinstance(found, Incomplete):
        raise RemoteError(RemoteKind.UNREACHABLE, found.reason)
    return found.value


def named_team(teams: Iterable[Team], organization: str, wanted: str) -> Team:
    """Return the team of that id, slug or name. UsageError, with similar names, if it is not exactly one."""
    every = list(teams)
    found = match_team(every, wanted)
    if isinstance(found, str):
        raise UsageError(found)
    if found is not None:
        return found
    known = [name for team in every for name in (team.name, team.slug) if name]
    listed = ", ".join(sorted(team.name for team in every))
    otherwise = f"use one of: {listed}" if listed else "create a team in Cal.com first"
    what = f"team in {organization}'s Cal.com called"
    raise UsageError(names.missing(what, wanted, dict.fromkeys(known), otherwise))


def resolve(teams: Mapping[TeamId, Team], organization: Organization, wanted: str) -> TeamRef:
    """Return the team of that id, slug or name. UsageError, with similar names, if it is not exactly one."""
    found = named_team(teams.values(), organization.name, wanted)
    return TeamRef(found.id, found.name)


def resolve_or_new(teams: Mapping[TeamId, Team], wanted: str) -> tuple[TeamRef, str | None]:
    """Return the team of that id, slug or name, else one to be created, with a sentence that says so."""
    name = names.clean("a team", wanted)
    existing = creation.match_existing_team(teams.values(), name)
    if isinstance(existing, str):
        raise UsageError(existing)
    if existing is not None:
        return TeamRef(existing.id, existing.name), None
    if name.isdecimal():
        raise UsageError(
            f"no team has the id {name}, and the name of a new team cannot be only a number: write another name"
        )
    near = names.near(name, (team.name for team in teams.values()))
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    return TeamRef(None, name, new=True), f"Cal.com has no team {name!r}: calscim creates it{hint}"


async def find_team(settings: Settings, organization: Organization, wanted: str) -> TeamRef:
    """Return a team by id, slug or name, or the organization itself. UsageError if it is not exactly one."""
    if wanted == ORGANIZATION:
        return TeamRef(None, organization.name)
    return resolve(await read_teams(settings, organization), organization, wanted)


async def find_or_new_team(
    settings: Settings, organization: Organization, wanted: str
) -> tuple[TeamRef, str | None]:
    """Return a team as ``find_team`` does, else one to be created, with a sentence that says so."""
    if wanted == ORGANIZATION:
        return TeamRef(None, organization.name), None
    return resolve_or_new(await read_teams(settings, organization), wanted)


def pause_target(organization: Organization, team: TeamRef) -> tuple[Scope, str]:
    """Return the scope and target of a pause of this team, or of the whole organization."""
    if team.id is None:
        return "organization", organization.name
    return "team", f"{organization.name}/{team.id}"
