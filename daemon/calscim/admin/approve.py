"""Lets a held set go, if the world still is the one it was held in."""

from calscim.admin import Editor, approvals
from calscim.admin.approvals import LONGEST_REASON, Approval
from calscim.admin.plan_preview import inspect
from calscim.config import Organization, Settings
from calscim.errors import CalscimError, UsageError
from calscim.planner.plan import Plan
from calscim.planner.safeguards.limits_check import held_sets
from calscim.postgres.pool import Database
from calscim.reconciler.state import holds


class Stale(CalscimError):  # noqa: N818 - a state of affairs, not a fault
    """No set with this hash is held now: look at the present plan and approve that one."""


async def approve(
    db: Database,
    settings: Settings,
    organizations: list[Organization],
    hash_: str,
    editor: Editor | None = None,
    reason: str = "",
) -> Approval:
    """Approve the set, or all sets of the plan, with this hash. Stale when it is not held any more.

    Both sides are read again first: what is released is what an operator saw, or nothing. A set that another pass
    holds meanwhile is not among those of the plan, and is not released with them.
    """
    if len(reason) > LONGEST_REASON:
        raise UsageError(f"the reason has more than {LONGEST_REASON} characters: shorten it")
    by = editor or Editor(by="calscim", cipher=db.cipher)
    for organization in organizations:
        inspection = await inspect(db, settings, organization)
        hashes = _named(inspection.plan, hash_) or await _approved(db, organization.name, hash_)
        if hashes:
            approved = await approvals.approve(
                db,
                by,
                organization.name,
                hashes,
                reason=reason,
                needed=settings.guards.approvals,
            )
            if approved is not None:
                return approved
    raise Stale(
        f"nothing with the hash {hash_} is held now; the world has changed or it never was: "
        "see `calscim plan` for what is held and its hash"
    )


async def _approved(db: Database, organization: str, hash_: str) -> list[str]:
    """The set if it is approved and waits for the daemon: approving it again changes nothing."""
    current = await holds.current(db, organization)
    return [hold.hash for hold in current if hold.hash == hash_ and hold.approved_at is not None]


def _named(plan: Plan, hash_: str) -> list[str]:
    """The hashes of the sets that a hash means, from the plan that was made just now."""
    sets = [held.hash for held in held_sets(plan)]
    return sets if plan.hash == hash_ else [one for one in sets if one == hash_]
