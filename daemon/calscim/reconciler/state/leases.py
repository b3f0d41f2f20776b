"""Who may change an organization's Cal.com: one daemon at a time, under a term that only grows."""

from collections.abc import Collection
from dataclasses import dataclass

from calscim.errors import StoreError
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

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
    term = await db.within(PATIENCE).fetchval(sql("leases.take"), organization, holder, DURATION)
    return None if term is None else Lease(organization, holder, term)


async def renew(db: Database, lease: Lease) -> None:
    """Keep it for another DURATION. LeaseLost when it ran out in the meantime."""
    kept = await db.within(PATIENCE).fetchval(
        sql("leases.renew"), lease.organization, lease.holder, lease.term, DURATION
    )
    if kept is None:
        raise LeaseLost(f"the lease of {lease.organization} ran out before it was renewed")


async def release(db: Database, lease: Lease) -> None:
    """Let the next daemon have it now."""
    await db.within(PATIENCE).execute(
        sql("leases.release"), lease.organization, lease.holder, lease.term
    )


async def free(db: Database, organizations: Collection[str], holder: str) -> list[str]:
    """Those of the organizations that ``holder`` could take."""
    rows = await db.within(PATIENCE).fetch(sql("leases.list_free"), list(organizations), holder)
    return [row["name"] for row in rows]


async def take_all(db: Database, organizations: Collection[str], holder: str) -> list[Lease]:
    """The leases of those of the organizations that were free."""
    rows = await db.within(PATIENCE).fetch(
        sql("leases.take_all"), list(organizations), holder, DURATION
    )
    return [Lease(row["organization"], holder, row["term"]) for row in rows]


async def renew_all(db: Database, held: Collection[Lease], holder: str) -> set[Lease]:
    """Keep what ``holder`` has for another DURATION; returns the leases that were kept."""
    names = [lease.organization for lease in held]
    rows = await db.within(PATIENCE).fetch(sql("leases.renew_all"), names, holder, DURATION)
    return {Lease(row["organization"], holder, row["term"]) for row in rows}


async def release_all(db: Database, held: Collection[Lease], holder: str) -> None:
    """Let the next daemon have these now."""
    names, terms = [one.organization for one in held], [one.term for one in held]
    await db.within(PATIENCE).execute(sql("leases.release_all"), names, holder, terms)
