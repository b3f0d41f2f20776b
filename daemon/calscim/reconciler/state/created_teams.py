"""Stores the teams that calscim created, with their mappings and bootstrap owners."""

from collections.abc import Mapping

from calscim.journal.audit import Editor, transaction
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.observed_state import Team
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


async def has_attempt(db: Database, organization: str, awaited: TeamId, team: TeamId) -> bool:
    """Return True if an earlier attempt created the team, or may have created it."""
    return bool(await db.fetchval(sql("created_teams.was_attempted"), organization, awaited, team))


async def bind(
    db: Database,
    organization: str,
    awaited: TeamId,
    team: Team,
    *,
    request_id: str,
    creator: CalUserId | None,
) -> None:
    """Bind the waiting mappings to the team. ``creator``: its bootstrap owner, if calscim created it.

    A mapping of the same group to the same team that was added meanwhile takes the waiting one's place.
    """
    editor = Editor(by="calscim", request_id=request_id, cipher=db.cipher)
    async with transaction(db) as connection:
        rows = await connection.fetch(
            sql("created_teams.lock_mappings"), organization, awaited, team.id
        )
        for row in rows:
            action = "mapping.remove" if row["doubled"] else "mapping.bind"
            edit = {
                "id": row["id"],
                "directory": row["directory_id"],
                "group": row["group_name"],
                "group_id": row["group_id"],
                "team_id": team.id,
                "team": team.name,
                "role": row["role"],
                "mode": row["mode"],
            }
            resource = ("Mapping", str(row["id"]))
            seq = await editor.write(connection, organization, action, resource, edit)
            if row["doubled"]:
                await connection.execute(sql("mappings.remove"), row["id"], seq)
            else:
                await connection.execute(
                    sql("created_teams.bind_mapping"), row["id"], team.id, team.name
                )
        if creator is not None:
            await connection.execute(
                sql("created_teams.record"), organization, team.id, team.name, creator
            )


async def record_owner_membership(
    db: Database, organization: str, team: TeamId, membership: MembershipId
) -> None:
    """Record the bootstrap owner's membership, to tell it from a later one that was added by hand."""
    await db.execute(sql("created_teams.record_membership"), organization, team, membership)


async def rename(db: Database, organization: str, names: Mapping[TeamId, str]) -> None:
    """Update the team names of mappings to the names in Cal.com."""
    if names:
        await db.execute(
            sql("mappings.rename_teams"), organization, list(names.keys()), list(names.values())
        )


async def forget(db: Database, organization: str, team: TeamId) -> None:
    """Forget the bootstrap owner of a team."""
    await db.execute(sql("created_teams.release"), organization, team)
