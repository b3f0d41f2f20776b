"""Load what the database remembers of a person: groups, mappings, ledger, past actions, and the last passes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import asyncpg

from calscim.admin import names, plan_views
from calscim.admin.explain.entries import Subject
from calscim.admin.explain.explanation import LedgerEntry, Membership, PastAction, Source
from calscim.admin.explain.reasons import Memory
from calscim.admin.groups import mapped_teams
from calscim.admin.waiting_mappings import waiting_mappings
from calscim.planner.ids import TeamId, UserId
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler.state import holds, parked_actions, passes


async def load_sources(db: Database, users: Sequence[UserId]) -> list[Source]:
    """Return every mapping of a group that these users are or were in."""
    rows = await db.fetch(sql("explain.list_mapped_groups"), users, None) if users else ()
    return [_source(row) for row in rows]


def _source(row: asyncpg.Record) -> Source:
    team = row["team_id"]
    return Source(
        mapping=row["mapping"],
        group=row["display_name"] or row["group_name"],
        group_id=row["group_id"],
        user_id=row["user_id"],
        team_id=team if (team or 0) > 0 else None,
        team=row["team_name"],
        create_team=team is not None and team < 0,
        role=row["role"],
        mode=row["mode"],
        directory=row["directory_id"],
        member_since_seq=row["added_seq"],
        left_seq=row["removed_seq"],
        unmapped_seq=row["unmapped_seq"],
        gives=row["added_seq"] is not None and row["unmapped_seq"] is None,
    )


async def load_memberships(
    db: Database, organization: str, users: Sequence[UserId]
) -> list[Membership]:
    """Return every group that these users are in, mapped or not."""
    rows = await db.fetch(sql("explain.list_groups"), users) if users else ()
    waiting = await waiting_mappings(db, organization) if rows else ()
    found = []
    for row in rows:
        mappings = mapped_teams(row["mappings"])
        candidates = [one for one in waiting if one.directory == row["directory"]]
        near = (
            [] if mappings else names.near(row["group"], dict.fromkeys(c.group for c in candidates))
        )
        meant = tuple(one for one in candidates if one.group in near)
        found.append(Membership(**{**row, "mappings": mappings}, near=meant))
    return found


def near_misses(memberships: Sequence[Membership]) -> dict[TeamId | None, str]:
    """For each team, describe the mapping that waits for a group of a similar name."""
    return {
        None if waiting.team_id is None else TeamId(waiting.team_id): (
            f"mapping {waiting.id} waits for a group called {waiting.group!r}, "
            f"and this person is in {membership.group!r}"
        )
        for membership in memberships
        for waiting in membership.near
    }


async def load_ledger(
    db: Database, organization: str, subject: Subject, team: TeamId | None
) -> list[LedgerEntry]:
    """Return the team memberships of the person that calscim added or found."""
    if subject.cal_user is None:
        return []
    rows = await db.fetch(sql("explain.list_ledger"), organization, subject.cal_user, team)
    return [LedgerEntry(**row) for row in rows]


async def load_actions(
    db: Database,
    organization: str,
    subject: Subject,
    team: TeamId | None,
    team_names: Mapping[TeamId, str],
) -> list[PastAction]:
    """Return the last attempted changes for the person, the latest first."""
    rows = await db.fetch(
        sql("actions.list_of_person"),
        organization,
        subject.user,
        subject.cal_user,
        subject.email,
        team,
    )
    return [PastAction(**row, team=team_names.get(row["team_id"])) for row in rows]


async def load_memory(db: Database, organization: str) -> Memory:
    """Return what the last passes stored about parked, held and waiting changes."""
    latest = await passes.load_latest(db, organization)
    waiting = (
        []
        if latest is None
        else [*latest.report.get("waiting", []), *latest.full.get("waiting", [])]
    )
    held = [
        replace(action, guard=hold.guard)
        for hold in await holds.load_current(db, organization)
        for action in plan_views.actions(hold.actions)
    ]
    return Memory(await parked_actions.load(db, organization), held, plan_views.waits(waiting))
