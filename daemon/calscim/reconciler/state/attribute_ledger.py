"""Attributes that the directory gave a value, as they were last told to Cal.com."""

from collections.abc import Sequence

from calscim.planner.ids import CalUserId
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

Told = tuple[CalUserId, str, str]  # whose, attribute's id, all values; "" for none


async def claim(db: Database, organization: str, cal_user: CalUserId, attribute: str) -> None:
    """Before the first value is told, so that it can be taken away whatever becomes of the call."""
    await db.execute(sql("applied_attributes.record_intent"), organization, cal_user, attribute)


async def told(db: Database, organization: str, rows: Sequence[Told]) -> None:
    """What is as it is wanted. Without a value there is nothing left to take away."""
    kept = [row for row in rows if row[2]]
    gone = [row for row in rows if not row[2]]
    if kept:
        await db.execute(
            sql("applied_attributes.record_applied"),
            organization,
            [user for user, _, _ in kept],
            [attribute for _, attribute, _ in kept],
            [value for _, _, value in kept],
        )
    if gone:
        await db.execute(
            sql("applied_attributes.delete"),
            organization,
            [user for user, _, _ in gone],
            [attribute for _, attribute, _ in gone],
        )
