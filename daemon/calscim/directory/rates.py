"""The request limits of directories, and the number of requests that they refused."""

from collections.abc import Mapping

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

NONE = 0  # in the table: no limit, instead of the configured one
EVERY = 5.0  # seconds until every daemon applies a limit that an operator sets


async def load_limits(db: Database) -> dict[str, int | None]:
    """Return the directories that have a limit of their own. None: no limit."""
    rows = await db.fetch(sql("directories.list_request_limits"))
    return {row["id"]: row["requests_per_second"] or None for row in rows}


async def add_throttled(db: Database, counts: Mapping[str, int]) -> None:
    """Add to the numbers of refused requests that `calscim status` shows."""
    await db.execute(sql("directories.count_throttled"), list(counts), list(counts.values()))
