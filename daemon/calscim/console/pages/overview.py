"""Overview: how each organization is, and what to do."""

from aiohttp import web

from calscim.admin.status import current_status
from calscim.admin.status_summary import summary
from calscim.console.rendering import page
from calscim.console.services import services

routes = web.RouteTableDef()


@routes.get("/")
async def show(request: web.Request) -> web.StreamResponse:
    """Show every organization, every directory, and the channels of notifications."""
    known = services(request)
    found = await current_status(known.db, known.settings)
    return page(
        request,
        "overview.html",
        status_=found,
        organizations=[(one, summary(one)) for one in found.organizations],
    )
