"""Overview: how each organization is, and what to do."""

from aiohttp import web

from calscim.admin.status import status
from calscim.admin.status_summary import summary
from calscim.console.rendering import page
from calscim.console.services import services
from calscim.reconciler.from_settings import windows

routes = web.RouteTableDef()


@routes.get("/")
async def show(request: web.Request) -> web.StreamResponse:
    """Show every organization, every directory, and the channels of notifications."""
    known = services(request)
    organizations = {one.name: windows(known.settings, one) for one in known.settings.organizations}
    channels = [one.name for one in known.settings.channels]
    found = await status(known.db, list(organizations), organizations, channels=channels)
    return page(
        request,
        "overview.html",
        status_=found,
        organizations=[(one, summary(one)) for one in found.organizations],
    )
