"""The web application of the console: middlewares, the pages of ``pages/``, and pages for errors."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from uuid import uuid4

import structlog
from aiohttp import web
from structlog.contextvars import bound_contextvars

from calscim.console import cookies, pages, security
from calscim.console.assets import Assets
from calscim.console.errors import NotFoundError, PageError, SignInNeeded
from calscim.console.rendering import page
from calscim.console.services import SERVICES, Services, services
from calscim.console.sign_in import MAX_FAILURES, SignIn
from calscim.errors import CalscimError, RemoteError, StoreError, UsageError
from calscim.scim.failed_attempts import Failures

log = structlog.get_logger()

LARGEST_FORM = 2 * 1024 * 1024  # bytes: a file of mappings
_REMOTE = "Cal.com did not answer as expected"


def console_app(known: Services) -> web.Application:
    """Return the application."""
    allowed = security.hosts(known.console.listen, known.console.public_url)
    app = web.Application(
        client_max_size=LARGEST_FORM,
        middlewares=[
            answer_errors,
            security.check_host(allowed),
            security.check_address,
            security.load_session,
            security.check_role,
            security.check_form(allowed),
        ],
    )
    app[SERVICES] = known
    app.on_response_prepare.append(security.add_headers)
    app.on_shutdown.append(known.changes.close)
    app.router.add_routes(SignIn(Failures(known.clock, MAX_FAILURES), known.settings.scim).routes())
    app.router.add_get("/live", known.changes.stream)
    app.router.add_get("/static/{name}", Assets().serve)
    for routes in page_routes():
        app.router.add_routes(routes)
    return app


def page_routes() -> Iterator[web.RouteTableDef]:
    """Yield the routes of every module in ``pages/``."""
    for module in iter_modules(pages.__path__):
        yield import_module(f"{pages.__name__}.{module.name}").routes


@web.middleware
async def answer_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn errors into pages. Errors of the program get an id that the log has too."""
    number = str(uuid4())
    with bound_contextvars(request_id=number):
        try:
            return await handler(request)
        except SignInNeeded as needed:
            return _to_sign_in(request, needed)
        except PageError as error:
            return _error(request, error.status, error.title, str(error))
        except UsageError as error:
            return _error(request, 400, "This cannot be done", str(error))
        except RemoteError as error:
            return _error(request, 502, _REMOTE, f"{error}. Try again in a moment.")
        except StoreError as error:
            log.warning("console.database_failed", reason=str(error), path=request.path)
            return _error(
                request, 503, "The database does not answer", f"{error}. Try again in a moment."
            )
        except web.HTTPException as error:
            if error.status == 404:
                return _error(request, 404, NotFoundError.title, "There is no such page.")
            return _error(request, error.status, error.reason, "The request cannot be answered.")
        except (asyncio.CancelledError, CalscimError):
            raise
        except Exception:
            log.exception("console.failed", path=request.path)
            said = f"The page failed. The log of calscim has the reason at request_id {number}."
            return _error(request, 500, "This page failed", said)


def _error(request: web.Request, status: int, title: str, text: str) -> web.StreamResponse:
    return page(request, "error.html", status=status, title=title, text=text)


def _to_sign_in(request: web.Request, needed: SignInNeeded) -> web.StreamResponse:
    expired = "&expired" if needed.expired else ""
    url = f"/sign-in?next={needed.target}{expired}"
    if request.headers.get(
        "HX-Request"
    ):  # htmx follows a redirect inside the page; this moves the whole page
        return web.Response(status=200, headers={"HX-Redirect": url})
    if request.path == "/live":
        return web.Response(status=204)  # the browser does not connect again
    response: web.StreamResponse = web.Response(status=303, headers={"Location": url})
    if needed.expired:
        cookies.forget_session(response, services(request).console.public_url)
    return response
