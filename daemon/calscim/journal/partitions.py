"""Creates the monthly partitions of the journal ahead of time."""

from dataclasses import dataclass

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of the journal.

    ``state``: created, exists, busy (try again), or default (journal_default has rows of that month).
    """

    name: str
    state: str


async def ensure_partitions(db: Database, ahead: int = 3) -> tuple[Partition, ...]:
    """Create the partitions of this month and the next ones, and return all of them.

    Cheap if they exist; any number of daemons can call it at once. Rows without a partition go to journal_default.
    """
    rows = await db.fetch(sql("partitions.create"), ahead)
    return tuple(Partition(row["partition"], row["state"]) for row in rows)
