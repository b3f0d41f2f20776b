"""Why a person is or is not on a team: both sides of this moment, the sources, the ledger, the last actions."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from calscim.clock import SystemClock
from calscim.core.model import (
    Incomplete,
    Kind,
    OrgMember,
    Plan,
    Provision,
    Role,
    Scope,
    TeamId,
    UserId,
)
from calscim.errors import RemoteError, RemoteKind, UsageError
from calscim.reconcile.decide import decide
from calscim.reconcile.pausing import wanted
from calscim.reconcile.view import View, members_wanted
from calscim.service import attributes
from calscim.service.inspect import reading, the_team
from calscim.service.organizations import rules
from calscim.service.reasons import Reasons, Subject, in_place, planned, unsettled
from calscim.settings import Organization, Settings
from calscim.store import parked
from calscim.store.pool import Database
from calscim.store.sql import sql


async def explain(
    db: Database, settings: Settings, organization: Organization, person: str, team: str | None
) -> dict[str, Any]:
    """In the form of ``calscim explain --json``.

    UsageError for a person or a team nobody knows, RemoteError when Cal.com does not say which teams there are.
    """
    ruled = rules(settings, organization)
    async with reading(settings, organization) as reader:
        view = View()
        await view.read_key(reader)
        await view.read_people(reader)
        gap = await view.read_names(reader)
        if gap is not None and team is not None:
            raise RemoteError(RemoteKind.UNREACHABLE, f"Cal.com's teams could not be read: {gap}")
        subject = await _subject(db, organization.name, person, view)
        users = [subject.user] if subject.user else []
        chosen = None if team is None else the_team(view.listed(), organization.name, team).id
        stranger = subject.user is None and chosen is not None  # who is wanted there decides
        now = SystemClock().now()
        picture = await wanted(db, ruled, now, None if stranger else users)
        await view.read_profiles(reader, members_wanted(picture.directory, view))
        await view.attributes.look(reader, picture.directory, ruled.policy, again=True)
        sources = await _sources(db, subject, chosen)
        for number in sorted(_relevant(sources, picture.directory.ledger, chosen)):
            await view.read_team(reader, number)
    scope = Scope(teams=frozenset({chosen})) if stranger and chosen else Scope(frozenset(users))
    observed = view.observed()
    plan = await decide(db, picture, observed, ruled, scope, everything=True, looks=True)
    actions = await _actions(db, organization.name, subject, chosen, view)
    stuck = await parked.parked(db, organization.name)
    gaps: dict[TeamId | None, str] = dict(view.gaps.items())
    if isinstance(observed.people, Incomplete):
        gaps[None] = f"the organization's members: {observed.people.reason}"
    given = await _ledger(db, organization.name, subject, chosen)
    gives = any(source["gives"] and source["mode"] != "observe" for source in sources)
    unmapped = ruled.policy.provision is Provision.MAPPED and not gives
    reasons = Reasons(plan, subject, gaps, sources, given, actions, stuck, unmapped)

    def both_sides(number: TeamId | None) -> dict[str, Any]:
        seen = _seen(view, subject, number)
        return {
            "desired": None
            if number is None and unmapped
            else _wanted(plan, subject, number, sources),
            "observed": seen,
            "because": reasons.because(number, seen),
        }

    return {
        "person": subject.row,
        "team": None if chosen is None else {"id": chosen, "name": view.names.get(chosen, "")},
        **both_sides(chosen),
        "sources": sources,
        "ledger": given,
        "actions": actions,
        "attributes": attributes.shown(
            ruled.policy,
            observed,
            plan,
            None if subject.user is None else picture.directory.users.get(subject.user),
            subject.cal_user,
            stuck,
        ),
        "teams": []
        if chosen is not None
        else [
            {"id": number, "name": view.names.get(number, ""), **both_sides(number)}
            for number in sorted(view.teams.keys() | view.gaps.keys())
        ],
    }


async def _subject(db: Database, organization: str, person: str, view: View) -> Subject:
    row = await db.fetchrow(sql("explain.person"), organization, person)
    if row is not None:
        return Subject(_shown(row), UserId(row["id"]), row["cal_user_id"], row["email"])
    row = await db.fetchrow(sql("explain.departed"), organization, person)
    if row is not None:
        return Subject(_shown(row), UserId(row["id"]), row["cal_user_id"], row["email"], row["seq"])
    for seen in (view.people or {}).values():
        if person.casefold() in (seen.email.casefold(), str(seen.user)):
            return Subject(_account(seen), None, seen.user, seen.email)
    raise UsageError(
        f"neither a directory of {organization} nor its Cal.com knows {person}: "
        "give a userName, an address or an id"
    )


def _shown(row: asyncpg.Record) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _account(person: OrgMember) -> dict[str, Any]:
    return {
        "cal_user_id": person.user,
        "email": person.email,
        "name": person.name,
        "managed": False,
    }


def _relevant(
    sources: list[dict[str, Any]],
    ledger: Any,
    chosen: TeamId | None,
) -> set[TeamId]:
    if chosen is not None:
        return {chosen}
    mapped = {TeamId(source["team_id"]) for source in sources if source["team_id"] is not None}
    return mapped | {team for team, _ in ledger}


async def _sources(db: Database, subject: Subject, team: TeamId | None) -> list[dict[str, Any]]:
    if subject.user is None:
        return []
    rows = await db.fetch(sql("explain.sources"), subject.user, team)
    return [
        {
            "mapping": row["mapping"],
            "group": row["display_name"] or row["group_name"],
            "team_id": row["team_id"] if (row["team_id"] or 0) > 0 else None,
            "team": row["team_name"],
            "create_team": row["team_id"] is not None and row["team_id"] < 0,
            "role": row["role"],
            "mode": row["mode"],
            "directory": row["directory_id"],
            "member_since_seq": row["added_seq"],
            "left_seq": row["removed_seq"],
            "unmapped_seq": row["unmapped_seq"],
            "gives": row["added_seq"] is not None and row["unmapped_seq"] is None,
        }
        for row in rows
    ]


async def _ledger(
    db: Database, organization: str, subject: Subject, team: TeamId | None
) -> list[dict[str, Any]]:
    if subject.cal_user is None:
        return []
    rows = await db.fetch(sql("explain.given"), organization, subject.cal_user, team)
    return [dict(row) for row in rows]


async def _actions(
    db: Database, organization: str, subject: Subject, team: TeamId | None, view: View
) -> list[dict[str, Any]]:
    """The latest first."""
    rows = await db.fetch(
        sql("actions.of_person"), organization, subject.user, subject.cal_user, subject.email, team
    )
    return [{**row, "team": view.names.get(row["team_id"])} for row in rows]


def _wanted(
    plan: Plan, subject: Subject, team: TeamId | None, sources: Sequence[dict[str, Any]]
) -> str | None:
    """The role that is wanted; None: not wanted. Without a team: of the organization."""
    early = [one.action for one in unsettled(plan, subject, team)]
    for action in (*planned(plan, subject, team), *early):
        if action.kind in (Kind.REMOVE, Kind.DEPROVISION):
            return None
        if action.role is not None:
            return action.role.value
    edge = in_place(plan, subject, team)
    if edge is not None:
        return edge.role.value
    if not (subject.active and subject.row.get("managed")):
        return None
    if team is None:
        return Role.MEMBER.value
    given = [Role(one["role"]) for one in sources if one["team_id"] == team and one["gives"]]
    return max(given, key=lambda role: role.rank).value if given else None


def _seen(view: View, subject: Subject, team: TeamId | None) -> str | None:
    if subject.cal_user is None:
        return None
    if team is None:
        person = (view.people or {}).get(subject.cal_user)
        return None if person is None else person.role.value
    member = view.teams.get(team, {}).get(subject.cal_user)
    return None if member is None else member.role.value
