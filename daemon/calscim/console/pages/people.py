"""People: find a person, and see why they are or are not on each team."""

from urllib.parse import urlencode
from uuid import UUID

from aiohttp import web

from calscim.admin.explain.explain import explain
from calscim.admin.parked import retry_parked
from calscim.admin.people import FIRST, search_users
from calscim.admin.status import status
from calscim.console.forms import needed, organization_of, posted
from calscim.console.rendering import page, redirect
from calscim.console.services import services, session

routes = web.RouteTableDef()


PER_PAGE = 50


@routes.get("/people")
async def search(request: web.Request) -> web.StreamResponse:
    """Show the users whose name, address or id contains the text."""
    known, text = services(request), request.query.get("q", "").strip()
    found = await search_users(
        known.db, text, after=_position(request), limit=PER_PAGE + 1, active=_active(request)
    )
    more = None
    if len(found) > PER_PAGE:
        key, number = found[PER_PAGE - 1].position
        more = "/people?" + urlencode({**request.query, "after": key, "id": number})
    return page(request, "people.html", found=found[:PER_PAGE], text=text, more=more)


def _position(request: web.Request) -> tuple[str, str]:
    try:
        return request.query.get("after", ""), str(UUID(request.query["id"]))
    except (KeyError, ValueError):
        return FIRST


def _active(request: web.Request) -> bool | None:
    return {"yes": True, "no": False}.get(request.query.get("active", ""))


@routes.get("/people/{organization}/{person}")
async def show(request: web.Request) -> web.StreamResponse:
    """Show desired and observed state of one person, the groups, and what calscim did."""
    known = services(request)
    organization = organization_of(request, request.match_info["organization"])
    wanted = request.match_info["person"]
    found = await explain(known.db, known.settings, organization, wanted, None)
    now = (await status(known.db, [organization.name])).organizations[0]
    names = {found.person.email, found.person.id}
    return page(
        request,
        "person.html",
        found=found,
        organization=organization.name,
        wanted=wanted,
        parked=[one for one in now.parked if names & {one.email, one.user_id} - {None, ""}],
    )


@routes.post("/people/{organization}/{person}/retry")
async def retry(request: web.Request) -> web.StreamResponse:
    """Try the person's parked changes at once."""
    known, form = services(request), await posted(request)
    organization = organization_of(request, request.match_info["organization"])
    email = needed(form, "email", "The address")
    await retry_parked(
        known.db, organization.name, email, editor=known.editors.of(session(request))
    )
    return redirect(request.path.removesuffix("/retry"))
