"""Stores the attribute values that calscim last sent to Cal.com."""

from collections.abc import Sequence

from calscim.planner.ids import CalUserId
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

AppliedAttribute = tuple[CalUserId, str, str]  # account, attribute's id, all values; "": none


async def record_intent(
    db: Database, organization: str, cal_user: CalUserId, attribute: str
) -> None:
    """Record before the call that calscim sets the attribute, so that it can be cleared after any outcome."""
    await db.execute(sql("applied_attributes.record_intent"), organization, cal_user, attribute)


async def record_applied(db: Database, organization: str, rows: Sequence[AppliedAttribute]) -> None:
    """Record attributes that have their target value. Forget an attribute without a value."""
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
