"""Parked actions: the reason of each failure, and the time of the next try."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from calscim.planner.action_key import ActionKey
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class ParkedAction:
    key: ActionKey
    email: str
    reason: str
    refused: bool
    fingerprint: str
    attempts: int
    since: datetime
    next_try: datetime
    due_in: float  # seconds, negative when overdue
    unanswered: bool = False  # due as soon as Cal.com answers another call


async def park(
    db: Database,
    organization: str,
    key: ActionKey,
    *,
    email: str,
    reason: str,
    refused: bool,
    fingerprint: str,
    attempts: int,
    wait: float,
    unanswered: bool = False,
) -> None:
    """Park an action. ``wait``: seconds until the next try; with ``unanswered``, or until Cal.com answers."""
    await db.execute(
        sql("parked_actions.park"),
        organization,
        key.kind,
        key.subject,
        key.team_id,
        email,
        reason,
        refused,
        fingerprint,
        attempts,
        wait,
        unanswered,
    )


async def unpark(db: Database, organization: str, keys: Collection[ActionKey]) -> None:
    if keys:
        await db.execute(
            sql("parked_actions.unpark"),
            organization,
            [key.kind for key in keys],
            [key.subject for key in keys],
            [key.team_id for key in keys],
        )


async def load(db: Database, organization: str) -> dict[ActionKey, ParkedAction]:
    rows = await db.fetch(sql("parked_actions.list"), organization)
    found = [
        ParkedAction(
            ActionKey(row["kind"], row["subject"], row["team_id"]),
            row["email"],
            row["reason"],
            row["refused"],
            row["fingerprint"],
            row["attempts"],
            row["since"],
            row["next_try"],
            row["due_in"],
            row["unanswered"],
        )
        for row in rows
    ]
    return {entry.key: entry for entry in found}


async def release_unanswered(db: Database, organization: str) -> None:
    """Make all unanswered actions due now."""
    await db.execute(sql("parked_actions.release_unanswered"), organization)


async def retry(db: "Database | Connection", organization: str, email: str = "") -> int:
    """Make all parked actions due now, or those of one person; return how many."""
    return len(await db.fetch(sql("parked_actions.retry"), organization, email))
