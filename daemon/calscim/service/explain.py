"""Why a person is or is not on a team: both sides of this moment, the sources, the ledger, the last actions."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from calscim.clock import SystemClock
from calscim.core.model import (
    Action,
    CalUserId,
    Edge,
    Kind,
    OrgMember,
    Plan,
    Scope,
    TeamId,
    Unsettled,
    UserId,
)
from calscim.errors import UsageError
from calscim.reconcile.decide import decide
from calscim.reconcile.pausing import wanted
from calscim.reconcile.view import View
from calscim.service import attributes
from calscim.service.inspect import reading
from calscim.service.organizations import rules
from calscim.settings import Organization, Settings
from calscim.store import parked
from calscim.store.pool import Database
from calscim.store.sql import sql


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the question is about. ``user`` None: an account no SCIM user is behind."""

    row: dict[str, Any]
    user: UserId | None
    cal_user: CalUserId | None
    email: str
    deleted_seq: int | None = None


async def explain(
    db: Database, settings: Settings, organization: Organization, person: str, team: str | None
) -> dict[str, Any]:
    """In the form of ``calscim explain --json``. UsageError for a person or a team nobody knows."""
    ruled = rules(settings, organization)
    async with reading(settings, organization) as reader:
        view = View()
        view.me = (await reader.me()).user
        await view.read_people(reader)
        await view.read_names(reader)
        subject = await _subject(db, organization.name, person, view)
        users = [subject.user] if subject.user else []
        chosen = None if team is None else find_team(view, team)
        stranger = subject.user is None and chosen is not None  # who is wanted there decides
        now = SystemClock().now()
        picture = await wanted(db, ruled, now, None if stranger else users)
        await view.attributes.look(reader, picture.directory, ruled.policy, again=True)
        sources = await _sources(db, subject, chosen)
        for number in sorted(_relevant(sources, picture.directory.ledger, chosen)):
            await view.read_team(reader, number)
    scope = Scope(teams=frozenset({chosen})) if stranger and chosen else Scope(frozenset(users))
    planned = await decide(db, picture, view.observed(), ruled, scope, everything=True)
    return {
        "person": subject.row,
        "team": None if chosen is None else {"id": chosen, "name": view.names.get(chosen, "")},
        "desired": _wanted(planned, subject, chosen),
        "observed": _seen(view, subject, chosen),
        "sources": sources,
        "ledger": await _ledger(db, organization.name, subject, chosen),
        "actions": await _actions(db, organization.name, subject, chosen),
        "because": await _because(db, organization.name, planned, view, subject, chosen, sources),
        "attributes": attributes.shown(
            ruled.policy,
            view.observed(),
            planned,
            None if subject.user is None else picture.directory.users.get(subject.user),
            subject.cal_user,
        ),
        "teams": []
        if chosen is not None
        else [
            {
                "id": number,
                "name": view.names.get(number, ""),
                "desired": _wanted(planned, subject, number),
                "observed": _seen(view, subject, number),
                "because": await _because(
                    db, organization.name, planned, view, subject, number, sources
                ),
            }
            for number in sorted(view.teams)
        ],
    }


def find_team(view: View, wanted: str) -> TeamId:
    """A team by id or name. UsageError naming what there is."""
    for number, name in view.names.items():
        if wanted in (str(number), name) or wanted.casefold() == name.casefold():
            return number
    known = ", ".join(sorted(view.names.values())) or "none"
    raise UsageError(f"Cal.com has no team {wanted}; it has: {known}")


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
    return [{**row, "written_at": row["written_at"].isoformat()} for row in rows]


async def _actions(
    db: Database, organization: str, subject: Subject, team: TeamId | None
) -> list[dict[str, Any]]:
    rows = await db.fetch(
        sql("actions.of_person"), organization, subject.user, subject.cal_user, subject.email, team
    )
    return [
        {
            **row,
            "begun_at": row["begun_at"].isoformat(),
            "finished_at": row["finished_at"].isoformat() if row["finished_at"] else None,
        }
        for row in rows
    ]


def _planned(planned: Plan, subject: Subject, team: TeamId | None) -> list[Action]:
    return [action for action in planned.actions if _is_about(action, subject, team)]


def _unsettled(planned: Plan, subject: Subject, team: TeamId | None) -> list[Unsettled]:
    return [one for one in planned.unsettled if _is_about(one.action, subject, team)]


def _is_about(action: Action, subject: Subject, team: TeamId | None) -> bool:
    return action.team == team and (
        (subject.user is not None and action.user == subject.user)
        or (subject.cal_user is not None and action.cal_user == subject.cal_user)
    )


def _in_place(planned: Plan, subject: Subject, team: TeamId | None) -> Edge | None:
    for edge in planned.in_place:
        if edge.team == team and edge.user == subject.user:
            return edge
    return None


def _wanted(planned: Plan, subject: Subject, team: TeamId | None) -> str | None:
    """The role that is wanted; None: not wanted. Without a team: of the organization."""
    early = [one.action for one in _unsettled(planned, subject, team)]
    for action in (*_planned(planned, subject, team), *early):
        if action.kind in (Kind.REMOVE, Kind.DEPROVISION):
            return None
        if action.role is not None:
            return action.role.value
    edge = _in_place(planned, subject, team)
    if edge is not None:
        return edge.role.value
    active = (
        subject.row.get("active") and subject.row.get("managed") and subject.deleted_seq is None
    )
    return "MEMBER" if team is None and active else None


def _seen(view: View, subject: Subject, team: TeamId | None) -> str | None:
    if subject.cal_user is None:
        return None
    if team is None:
        person = (view.people or {}).get(subject.cal_user)
        return None if person is None else person.role.value
    member = view.teams.get(team, {}).get(subject.cal_user)
    return None if member is None else member.role.value


async def _because(
    db: Database,
    organization: str,
    planned: Plan,
    view: View,
    subject: Subject,
    team: TeamId | None,
    sources: list[dict[str, Any]],
) -> str:
    """One sentence; what is about to happen comes first, then why things are as they are."""
    for action in _planned(planned, subject, team):
        for entry in (await parked.parked(db, organization)).values():
            if entry.key.action == action.kind.value and entry.email == action.email:
                return (
                    f"{action.kind.value} is parked until {entry.next_try:%H:%M:%S}: {entry.reason}"
                )
        state = (
            f" ({action.state.value}: {action.guard})"
            if action.guard
            else f" ({action.state.value})"
        )
        return f"{action.kind.value}{state}: {action.because}"
    for early in _unsettled(planned, subject, team):
        return early.reason
    for waiting in planned.waiting:
        if waiting.user == subject.user:
            return f"waiting: {waiting.reason}"
    if subject.user is None:
        return "no directory knows this person; calscim leaves them where they are, except on exclusive teams"
    if subject.deleted_seq is not None:
        return f"the provider deleted this user (journal {subject.deleted_seq})"
    if team is None:
        return _about_membership(subject)
    giving = [source for source in sources if source["team_id"] == team and source["gives"]]
    if giving:
        names = ", ".join(
            f"{source['group']} (journal {source['member_since_seq']})" for source in giving
        )
        return f"on the team as wanted: member of {names}"
    left = [source for source in sources if source["team_id"] == team and source["left_seq"]]
    if _seen(view, subject, team) is not None:
        return "on the team by hand: no mapped group wants it, and its mode leaves it alone"
    if left:
        return f"not on the team: left {left[-1]['group']} (journal {left[-1]['left_seq']})"
    return "not on the team: in no group that is mapped to it"


def _about_membership(subject: Subject) -> str:
    seq = subject.row.get("changed_seq")
    if not subject.row.get("managed"):
        return "was in Cal.com already; the provider has not written to this user, so calscim leaves it alone"
    if not subject.row.get("active"):
        return f"the provider has deactivated this user (journal {seq})"
    return f"an active user of the directory (journal {seq})"
