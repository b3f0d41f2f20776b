"""Registers the running daemons and their organizations, to divide the organizations among them.

Only a lease gives the right to reconcile. These rows only state which daemon wants which organizations.
"""

from collections.abc import Collection
from dataclasses import dataclass

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler.state.leases import DURATION, PATIENCE


@dataclass(frozen=True, slots=True)
class LeaseShare:
    """A daemon's part of the organizations.

    ``share``: how many organizations a daemon should have; ``held``: how many it has.
    """

    share: int
    held: int


async def register(db: Database, holder: str, organizations: Collection[str]) -> None:
    """Register this daemon for the duration of a lease."""
    within = db.within(PATIENCE)
    if not await within.fetchval(sql("lease_candidates.renew"), holder, DURATION):
        await within.execute(sql("lease_candidates.enter"), holder, sorted(organizations), DURATION)


async def load_shares(db: Database) -> dict[str, LeaseShare]:
    """Return the share of each running daemon."""
    rows = await db.within(PATIENCE).fetch(sql("lease_candidates.count_shares"))
    return {row["holder"]: LeaseShare(row["share"], row["held"]) for row in rows}


async def list_configured(
    db: Database, holders: Collection[str], organizations: Collection[str]
) -> list[str]:
    """Return the organizations that one of these daemons is configured for."""
    rows = await db.within(PATIENCE).fetch(
        sql("lease_candidates.list_configured"), list(holders), list(organizations)
    )
    return [row["name"] for row in rows]


async def leave(db: Database, holder: str) -> None:
    await db.within(PATIENCE).execute(sql("lease_candidates.leave"), holder)
