"""Sessions: who is signed in to the console, and how to end that."""

from aiohttp import web

from calscim.admin.console_access import ConsoleRole
from calscim.admin.console_sessions import end_one_session, end_sessions_of, open_sessions
from calscim.console.forms import needed, number, posted
from calscim.console.rendering import page, redirect
from calscim.console.security import requires
from calscim.console.services import services, session

routes = web.RouteTableDef()


@routes.get("/sessions")
@requires(ConsoleRole.ADMIN)
async def show(request: web.Request) -> web.StreamResponse:
    """Show the open sessions."""
    known = services(request)
    found = await open_sessions(known.db, known.console.idle_timeout)
    return page(request, "sessions.html", found=found, console=known.console)


@routes.post("/sessions/end")
@requires(ConsoleRole.ADMIN)
async def end_session(request: web.Request) -> web.StreamResponse:
    """End one session."""
    known, form = services(request), await posted(request)
    editor, organizations = known.editors.of(session(request)), known.settings.organizations
    wanted, idle = number(form, "session"), known.console.idle_timeout
    await end_one_session(known.db, editor, organizations, wanted, idle)
    return redirect("/sessions")


@routes.post("/sessions/end-all")
@requires(ConsoleRole.ADMIN)
async def end_all(request: web.Request) -> web.StreamResponse:
    """End all sessions of a person."""
    known, form = services(request), await posted(request)
    editor, organizations = known.editors.of(session(request)), known.settings.organizations
    person, idle = needed(form, "person", "The person"), known.console.idle_timeout
    await end_sessions_of(known.db, editor, organizations, person, idle)
    return redirect("/sessions")
