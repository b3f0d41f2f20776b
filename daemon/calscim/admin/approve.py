"""Approve a held set, if the directory and Cal.com have not changed since calscim held it."""

from calscim.admin import Editor, approvals
from calscim.admin.approvals import Approval, Rejection
from calscim.admin.plan_preview import inspect
from calscim.config import Organization, Settings
from calscim.errors import CalscimError
from calscim.exit_codes import ExitCode
from calscim.planner.plan import Plan
from calscim.planner.safeguards.holds import held_sets
from calscim.postgres.pool import Database
from calscim.reconciler.state import holds


class Stale(CalscimError):  # noqa: N818 - a state, not a fault
    """No set with this hash is held now: look at the present plan and approve its hash."""

    exit_code = ExitCode.STALE


async def approve(
    db: Database,
    settings: Settings,
    organizations: list[Organization],
    hash_: str,
    editor: Editor | None = None,
    reason: str = "",
) -> Approval:
    """Approve the set, or all sets of the plan, with this hash. Raise Stale if it is no longer held.

    The directory and Cal.com are read again first, so that the operator releases exactly what the operator saw. A set
    that another pass holds meanwhile is not in the plan, and is not released with it.
    """
    approvals.check_reason(reason)
    by = editor or Editor(by="calscim", cipher=db.cipher)
    for organization in organizations:
        inspection = await inspect(db, settings, organization)
        hashes = _named(inspection.plan, hash_) or await _approved(db, organization.name, hash_)
        if hashes:
            approved = await approvals.approve(
                db,
                by,
                organization.name,
                hash_,
                hashes,
                reason=reason,
                needed=settings.guards.approvals,
            )
            if approved is not None:
                return approved
    raise Stale(
        f"no held plan has the hash {hash_}: something has changed since, or the hash is wrong. "
        "Run `calscim plan` to see what is held and its hash"
    )


async def reject(
    db: Database,
    organizations: list[Organization],
    hash_: str,
    editor: Editor,
    reason: str = "",
) -> Rejection:
    """Reject the held set with this hash. Raise Stale if no such set is held."""
    for organization in organizations:
        found = await approvals.reject(db, editor, organization.name, hash_, reason=reason)
        if found is not None:
            return found
    raise Stale(
        f"no held set has the hash {hash_}: something has changed since, or the hash is wrong. "
        "Run `calscim status` to see what is held and its hash"
    )


async def _approved(db: Database, organization: str, hash_: str) -> list[str]:
    """Return the set if it is already approved and waits for the daemon: approving it again changes nothing."""
    current = await holds.load_current(db, organization)
    return [hold.hash for hold in current if hold.hash == hash_ and hold.approved_at is not None]


def _named(plan: Plan, hash_: str) -> list[str]:
    """Return the hashes of the sets that this hash stands for: the plan's hash stands for all of its sets."""
    sets = [held.hash for held in held_sets(plan)]
    return sets if plan.hash == hash_ else [one for one in sets if one == hash_]
