"""What an operator asks without a daemon: the plan of this moment, why somebody is where they are."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import structlog

from calscim.admin import MappingEdits, names
from calscim.admin.mapping_preview import with_edits
from calscim.admin.waiting_mappings import waiting_mappings
from calscim.calcom.reader import Reader
from calscim.clock import SystemClock
from calscim.config import Organization, Settings
from calscim.errors import UsageError
from calscim.planner.naming import meant
from calscim.planner.observed_state import Team
from calscim.planner.plan import Plan, Scope
from calscim.postgres.pool import Database
from calscim.reconciler.approvals import decide, remember
from calscim.reconciler.desired_now import wanted
from calscim.reconciler.from_settings import NOTED, client, rules
from calscim.reconciler.snapshot import ObservedCache, members_wanted, teams_of
from calscim.reconciler.state import build_traits
from calscim.reconciler.state.desired_state import DesiredSnapshot

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Inspection:
    """One organization as it is now, on both sides.

    ``saved``: the plan without the edits that are not saved; None where there are none.
    """

    organization: str
    picture: DesiredSnapshot
    view: ObservedCache
    plan: Plan
    journal_seq: int
    waiting_mappings: list[dict[str, Any]]  # in the form of ``plan --json``
    saved: Plan | None = None


@asynccontextmanager
async def reading(settings: Settings, organization: Organization) -> AsyncIterator[Reader]:
    """A reader of one organization's Cal.com, for as long as it is needed."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        calls = client(session, settings, organization, SystemClock())
        calls.notify_waits(partial(_say_wait, organization.name))
        yield Reader(calls)


async def _say_wait(organization: str, seconds: float) -> None:
    """A person who waits for an answer gets to know why it takes long."""
    if seconds >= NOTED:
        until = SystemClock().now() + timedelta(seconds=seconds)
        log.warning(
            "calcom.rate_limited", organization=organization, until=f"{until:%Y-%m-%d %H:%M:%S}Z"
        )


def chosen(settings: Settings, name: str | None) -> list[Organization]:
    """The organization of that name, or all. UsageError when there is none."""
    if name is None:
        if not settings.organizations:
            raise UsageError("no organization is configured: add an [[organization]] table")
        return list(settings.organizations)
    found = [one for one in settings.organizations if one.name == name]
    if not found:
        known = ", ".join(one.name for one in settings.organizations) or "none"
        raise UsageError(f"no organization is called {name}; configured: {known}")
    return found


def the_team(teams: Iterable[Team], organization: str, wanted: str) -> Team:
    """The team that is meant by an id, a slug or a name. UsageError naming candidates or near misses."""
    every = list(teams)
    found = meant(every, wanted)
    if isinstance(found, str):
        raise UsageError(found)
    if found is not None:
        return found
    known = [name for team in every for name in (team.name, team.slug) if name]
    listed = ", ".join(sorted(team.name for team in every)) or "none"
    what = f"team in {organization}'s Cal.com called"
    raise UsageError(names.missing(what, wanted, dict.fromkeys(known), f"teams: {listed}"))


async def inspect(
    db: Database,
    settings: Settings,
    organization: Organization,
    edits: MappingEdits | None = None,
) -> Inspection:
    """Read both sides completely and plan; what is held is stored, so that it can be approved.

    ``edits``: plan with these edits of mappings, which are not saved. Then nothing is stored.
    """
    ruled = rules(settings, organization)
    async with reading(settings, organization) as reader:
        before = picture = await wanted(db, ruled, SystemClock().now())
        if edits is not None:
            picture = await with_edits(db, picture, edits.of(organization.name))
        view = ObservedCache(traits=await build_traits.load(db, organization.name))
        await view.read_key(reader)
        await view.read_everything(reader, picture.directory)
        await view.read_profiles(reader, members_wanted(picture.directory, view))
        await view.attributes.look(reader, picture.directory, ruled.policy, again=True)
    planned = await decide(
        db, picture, view.observed(), ruled, Scope(), everything=True, looks=True
    )
    head = max(picture.heads.values(), default=0)
    unbound = await waiting_mappings(db, organization.name)
    if edits is None:
        await remember(db, organization.name, planned, everything=not planned.incomplete)
        return Inspection(organization.name, picture, view, planned, head, unbound)
    observed = view.observed(teams_of(before.directory))
    saved = await decide(db, before, observed, ruled, Scope(), everything=True, looks=True)
    return Inspection(organization.name, picture, view, planned, head, unbound, saved)
