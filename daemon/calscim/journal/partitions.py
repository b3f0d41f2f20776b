"""How long the journal is kept: its months, made ahead."""

from dataclasses import dataclass

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class Partition:
    """``state``: made, there, busy (ask again), default (rows of that month are in journal_default and stay)."""

    name: str
    state: str


async def ensure_partitions(db: Database, ahead: int = 3) -> tuple[Partition, ...]:
    """The partitions of this month and the next ones. Rows that find none go to journal_default: none is lost.

    Cheap where they are there already; any number of daemons may ask at the same time.
    """
    rows = await db.fetch(sql("partitions.create"), ahead)
    return tuple(Partition(row["partition"], row["state"]) for row in rows)
