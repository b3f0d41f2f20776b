"""Stores in how many passes and since when each drift was observed."""

from collections.abc import Collection
from collections.abc import Mapping as MappingOf

from calscim.planner.actions import Action, team_of
from calscim.planner.ids import TeamId
from calscim.planner.plan import DriftObservation
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


async def load(db: Database, organization: str) -> dict[str, DriftObservation]:
    """Return the observations by the digest of the action."""
    rows = await db.fetch(sql("drift_observations.list"), organization)
    return {row["digest"]: DriftObservation(row["pass_count"], row["seconds"]) for row in rows}


async def record(
    db: Database, organization: str, seen: MappingOf[str, Action], unread: Collection[TeamId]
) -> None:
    """Count the drift that a full pass observed, and forget drift that ended.

    ``unread``: teams that this pass did not read completely. Their observations stay as they are.
    """
    async with db.connection() as connection, connection.transaction():
        await connection.execute(
            sql("drift_observations.delete_ended"), organization, list(seen), list(unread)
        )
        if seen:
            await connection.execute(
                sql("drift_observations.record"),
                organization,
                list(seen),
                [team_of(action) or 0 for action in seen.values()],
                [action.email for action in seen.values()],
            )
