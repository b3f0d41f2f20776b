"""Leases: the right of one daemon to reconcile an organization, with a term that only grows."""

from collections.abc import Collection
from dataclasses import dataclass

from calscim.errors import StoreError
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

DURATION = 15.0  # seconds a lease lasts without being renewed
PATIENCE = 3.0  # seconds for one try, so that several fit into a lease


class LeaseLost(StoreError):  # noqa: N818 - a state, not an error
    """Another daemon may hold the lease: stop writing, and acquire the lease again first."""


@dataclass(frozen=True, slots=True)
class Lease:
    organization: str
    holder: str
    term: int


async def take(db: Database, organization: str, holder: str) -> Lease | None:
    """Acquire the lease; return None while another daemon holds it."""
    term = await db.within(PATIENCE).fetchval(sql("leases.take"), organization, holder, DURATION)
    return None if term is None else Lease(organization, holder, term)


async def renew(db: Database, lease: Lease) -> None:
    """Renew the lease for another DURATION. Raise LeaseLost if it has expired."""
    kept = await db.within(PATIENCE).fetchval(
        sql("leases.renew"), lease.organization, lease.holder, lease.term, DURATION
    )
    if kept is None:
        raise LeaseLost(f"the lease of {lease.organization} ran out before it was renewed")


async def release(db: Database, lease: Lease) -> None:
    """Release the lease."""
    await db.within(PATIENCE).execute(
        sql("leases.release"), lease.organization, lease.holder, lease.term
    )


async def list_free(db: Database, organizations: Collection[str], holder: str) -> list[str]:
    """Return the organizations whose leases ``holder`` could acquire."""
    rows = await db.within(PATIENCE).fetch(sql("leases.list_free"), list(organizations), holder)
    return [row["name"] for row in rows]


async def take_all(db: Database, organizations: Collection[str], holder: str) -> list[Lease]:
    """Acquire the leases of the free organizations; return them."""
    rows = await db.within(PATIENCE).fetch(
        sql("leases.take_all"), list(organizations), holder, DURATION
    )
    return [Lease(row["organization"], holder, row["term"]) for row in rows]


async def renew_all(db: Database, held: Collection[Lease], holder: str) -> set[Lease]:
    """Renew the leases of ``holder`` for another DURATION; return the leases that it still holds."""
    names = [lease.organization for lease in held]
    rows = await db.within(PATIENCE).fetch(sql("leases.renew_all"), names, holder, DURATION)
    return {Lease(row["organization"], holder, row["term"]) for row in rows}


async def release_all(db: Database, held: Collection[Lease], holder: str) -> None:
    """Release these leases."""
    names, terms = [one.organization for one in held], [one.term for one in held]
    await db.within(PATIENCE).execute(sql("leases.release_all"), names, holder, terms)
