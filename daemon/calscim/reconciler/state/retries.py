"""What did not succeed, why, and when it is tried again."""

from dataclasses import dataclass
from datetime import datetime

from calscim.planner.action_key import ActionKey
from calscim.postgres.pool import Database
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
    unanswered: bool = False  # Cal.com did not answer: due at its next answer


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
    """``wait``: seconds until it is tried again, or, if ``unanswered``, until Cal.com answers again."""
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


async def unpark(db: Database, organization: str, key: ActionKey) -> None:
    await db.execute(sql("parked_actions.unpark"), organization, key.kind, key.subject, key.team_id)


async def parked(db: Database, organization: str) -> dict[ActionKey, ParkedAction]:
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
    """Make everything due now that was parked because Cal.com did not answer."""
    await db.execute(sql("parked_actions.release_unanswered"), organization)


async def retry(db: Database, organization: str, email: str = "") -> int:
    """Make everything parked due now, or all of one person's; returns how much there was."""
    return len(await db.fetch(sql("parked_actions.retry"), organization, email))
