"""The directories' own limits on requests a second, and how many requests each was refused."""

from collections.abc import Mapping

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

NONE = 0  # in the table: no limit, whatever the configuration says
EVERY = 5.0  # seconds until every daemon applies a limit that an operator sets


async def load_limits(db: Database) -> dict[str, int | None]:
    """The limits of directories that have their own; None for one that has none on purpose."""
    rows = await db.fetch(sql("directories.list_request_limits"))
    return {row["id"]: row["requests_per_second"] or None for row in rows}


async def add_throttled(db: Database, counts: Mapping[str, int]) -> None:
    """Add requests that were refused a moment ago to those that `calscim status` shows."""
    await db.execute(sql("directories.count_throttled"), list(counts), list(counts.values()))
