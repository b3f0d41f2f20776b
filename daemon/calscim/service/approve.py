"""Lets a held set go, if the world still is the one it was held in."""

from calscim.errors import CalscimError
from calscim.service.inspect import inspect
from calscim.settings import Organization, Settings
from calscim.store import holds, passes
from calscim.store.pool import Database


class Stale(CalscimError):  # noqa: N818 - a state of affairs, not a fault
    """No set with this hash is held now: look at the present plan and approve that one."""


async def approve(
    db: Database, settings: Settings, organizations: list[Organization], hash_: str
) -> str:
    """Release the set; returns the organization's name. Stale when it is not held any more.

    Both sides are read again first: what is released is what an operator saw, or nothing.
    """
    for organization in organizations:
        inspection = await inspect(db, settings, organization)
        held = [hold.hash for hold in await holds.current(db, organization.name)]
        wanted = held if inspection.plan.hash == hash_ else [one for one in held if one == hash_]
        if wanted:
            for one in wanted:
                await holds.approve(db, organization.name, one)
            await passes.ask(db, organization.name)
            return organization.name
    raise Stale(
        f"nothing with the hash {hash_} is held now; the world has changed or it never was: "
        "see `calscim plan` for what is held and its hash"
    )
