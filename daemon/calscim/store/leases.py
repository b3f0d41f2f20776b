"""Who may change an organization's Cal.com: one daemon at a time, under a term that only grows."""

from dataclasses import dataclass

from calscim.errors import StoreError
from calscim.store.pool import Database
from calscim.store.sql import sql

DURATION = 15.0  # seconds a lease lasts without being renewed
PATIENCE = 3.0  # seconds for one try, so that several fit into a lease


class LeaseLost(StoreError):  # noqa: N818 - a state of affairs, not a fault
    """Another daemon may hold the lease by now: stop writing, take it again before going on."""


@dataclass(frozen=True, slots=True)
class Lease:
    organization: str
    holder: str
    term: int


async def take(db: Database, organization: str, holder: str) -> Lease | None:
    """The lease, or None while somebody else holds it."""
    term = await db.within(PATIENCE).fetchval(sql("lease.take"), organization, holder, DURATION)
    return None if term is None else Lease(organization, holder, term)


async def renew(db: Database, lease: Lease) -> None:
    """Keep it for another DURATION. LeaseLost when it ran out in the meantime."""
    kept = await db.within(PATIENCE).fetchval(
        sql("lease.renew"), lease.organization, lease.holder, lease.term, DURATION
    )
    if kept is None:
        raise LeaseLost(f"the lease of {lease.organization} ran out before it was renewed")


async def release(db: Database, lease: Lease) -> None:
    """Let the next daemon have it now."""
    await db.within(PATIENCE).execute(
        sql("lease.release"), lease.organization, lease.holder, lease.term
    )
