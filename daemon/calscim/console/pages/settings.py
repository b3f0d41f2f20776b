"""Settings: the configuration as the daemon read it, without secrets."""

from aiohttp import web

from calscim.console.rendering import page
from calscim.console.services import services

routes = web.RouteTableDef()


@routes.get("/settings")
async def show(request: web.Request) -> web.StreamResponse:
    """Show every key with its value and where the value comes from."""
    sections: dict[str, list[tuple[str, object, str]]] = {}
    for one in services(request).effective():
        section, _, key = one.key.rpartition(".")
        sections.setdefault(section, []).append((key, one.value, one.source))
    return page(request, "settings.html", sections=sections)
