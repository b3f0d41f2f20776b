"""Plan: what is held and why, with approval; what waits, what is parked; and what would change, read from Cal.com."""

from collections.abc import Iterable

from aiohttp import web

from calscim.admin import approve as approving
from calscim.admin.plan_views import ActionView
from calscim.admin.status import status
from calscim.console.errors import ConflictError
from calscim.console.forms import needed, organization_of, posted
from calscim.console.rendering import page, redirect
from calscim.console.services import services, session
from calscim.errors import UsageError

routes = web.RouteTableDef()


@routes.get("/plan")
async def show(request: web.Request) -> web.StreamResponse:
    """Show what is held. ``read``: also read Cal.com, and show every change that a pass would make."""
    known = services(request)
    if not known.settings.organizations:
        raise UsageError(
            "no organization is configured: add an [[organization]] table to the configuration"
        )
    organization = organization_of(request, request.query.get("organization"))
    plan = None
    if "read" in request.query:
        plan = (await known.reads.inspect(organization)).shown
    found = (await status(known.db, [organization.name])).organizations[0]
    return page(
        request,
        "plan.html",
        organization=found,
        organizations=[one.name for one in known.settings.organizations],
        needed=known.settings.guards.approvals,
        plan=plan,
        teams=() if plan is None else by_team(plan.actions),
        approved=request.query.get("approved"),
    )


@routes.post("/plan/approve")
async def approve(request: web.Request) -> web.StreamResponse:
    """Approve a held set, if it is still the same."""
    known, form = services(request), await posted(request)
    organization = organization_of(request, form.get("organization"))
    try:
        found = await approving.approve(
            known.db,
            known.settings,
            [organization],
            needed(form, "hash", "The held set"),
            known.editors.of(session(request)),
            form.get("reason", ""),
        )
    except approving.Stale:
        raise _no_longer_held(" Nothing was approved.") from None
    said = "released" if found.approved else "counted"
    return redirect(f"/plan?organization={organization.name}&approved={said}")


@routes.post("/plan/reject")
async def reject(request: web.Request) -> web.StreamResponse:
    """Record that a held set is not wanted; it stays held."""
    known, form = services(request), await posted(request)
    organization = organization_of(request, form.get("organization"))
    try:
        await approving.reject(
            known.db,
            [organization],
            needed(form, "hash", "The held set"),
            known.editors.of(session(request)),
            form.get("reason", ""),
        )
    except approving.Stale:
        raise _no_longer_held() from None
    return redirect(f"/plan?organization={organization.name}")


def _no_longer_held(effect: str = "") -> ConflictError:
    return ConflictError(
        f"This set is no longer held: the groups or Cal.com have changed since you opened the page.{effect} "
        "Go back to Plan and look at what is held now."
    )


def by_team(actions: Iterable[ActionView]) -> list[tuple[str, list[ActionView]]]:
    """Return actions by team, in the order of the plan; those without a team are about the organization."""
    found: dict[str, list[ActionView]] = {}
    for action in actions:
        found.setdefault(action.team or "The organization", []).append(action)
    return list(found.items())
