"""Middlewares of every request: the host, the session, the role, and the token that every form sends."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn, TypeVar
from urllib.parse import quote, urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from calscim.admin import console_access
from calscim.admin.console_access import ConsoleRole
from calscim.config.addresses import Tcp, address, is_local
from calscim.console import cookies
from calscim.console.errors import ForbiddenError, HostError, PageError, SignInNeeded
from calscim.console.services import services, session_or_none, set_session

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Handler)

PUBLIC = ("/sign-in", "/static/")
FORM_TOKEN = "form_token"  # noqa: S105 - the name of the field
LIVE = "X-Calscim-Live"  # the header of requests that an open page makes by itself
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_OWN_SITES = frozenset({"same-origin", "none"})
_ROLES: dict[Handler, ConsoleRole] = {}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def requires(role: ConsoleRole) -> Callable[[H], H]:
    """Let only people with this role call the handler. Without it: viewers for GET, operators for POST."""

    def mark(handler: H) -> H:
        _ROLES[handler] = role
        return handler

    return mark


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers to every response (signal on_response_prepare)."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def hosts(listen: str, public_url: str) -> frozenset[str]:
    """Return the values of the Host header that the console answers.

    These are the public URL's, and this machine's own names for a listener on loopback: with any other host, a page
    of another site could read the console through DNS rebinding.
    """
    public = urlsplit(public_url)
    found = {public.netloc.lower()}
    if public.port is None:  # some proxies add the port of the scheme
        found.add(f"{public.netloc.lower()}:{443 if public.scheme == 'https' else 80}")
    at = address(listen)
    if isinstance(at, Tcp) and is_local(at.host):
        port = public.port if at.port == 0 else at.port
        found |= {f"{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")}
    return frozenset(found)


def check_host(
    allowed: frozenset[str],
) -> Middleware:
    """Return the middleware that refuses requests for another host."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "").lower()
        if host not in allowed:
            log.warning("console.host_refused", host=host, remote=request.remote)
            raise HostError
        return await handler(request)

    return middleware


@web.middleware
async def check_address(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse an address with a NUL character, which Postgres does not store in a text."""
    if "\0" in request.path or "\0" in request.query_string:
        raise PageError("The address contains a NUL character. Remove it.")
    return await handler(request)


@web.middleware
async def load_session(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the session of the cookie. Without one, only sign-in pages and static files are answered."""
    known = services(request)
    secret = cookies.read_session(request, known.console.public_url)
    if secret is not None and not request.path.startswith("/static/"):
        by_person = request.path != "/live" and LIVE not in request.headers
        found = await console_access.use_session(
            known.db, secret, known.console.idle_timeout, by_person=by_person
        )
        if found is not None:
            set_session(request, found)
    if session_or_none(request) is None and not request.path.startswith(PUBLIC):
        target = request.path_qs if request.method in _SAFE_METHODS else "/"
        raise SignInNeeded(quote(target, safe="/"), expired=secret is not None)
    return await handler(request)


@web.middleware
async def check_role(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request that the person's role does not include."""
    found = session_or_none(request)
    if found is None or request.path.startswith(PUBLIC):
        return await handler(request)
    is_safe = request.method in _SAFE_METHODS
    default = ConsoleRole.VIEWER if is_safe else ConsoleRole.OPERATOR
    needed = _ROLES.get(request.match_info.handler, default)
    if not found.role.includes(needed):
        log.warning(
            "console.role_refused",
            person=found.person,
            role=found.role.value,
            needed=needed.value,
            path=request.path,
        )
        raise ForbiddenError(
            f"You are signed in as {found.person} with the role {found.role.value}; this needs the role "
            f"{needed.value}. Ask the person who maintains [console.oidc] in calscim's configuration."
        )
    return await handler(request)


def check_form(
    allowed: frozenset[str],
) -> Middleware:
    """Return the middleware that refuses a change that did not come from one of the console's own forms.

    ``allowed``: the hosts of the console, with and without the port that a proxy may add to the Host header.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method in _SAFE_METHODS:
            return await handler(request)
        origin = request.headers.get("Origin", "null").lower()
        is_foreign = origin != "null" and origin.partition("://")[2] not in allowed
        if is_foreign or request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
            _refuse(request, "another site sent the form")
        found = session_or_none(request)
        if found is not None:
            sent = (await _form(request)).get(FORM_TOKEN)
            if not isinstance(sent, str) or not hmac.compare_digest(
                sent.encode(), found.form_token.encode()
            ):
                _refuse(request, "the form's token is missing or belongs to another session")
        return await handler(request)

    return middleware


async def _form(request: web.Request) -> Mapping[str, object]:
    try:
        return await request.post()
    except (ValueError, LookupError):  # no form, cut off, or in an unknown encoding
        raise PageError(
            "The form cannot be read. Open the page again, and send its form."
        ) from None


def _refuse(request: web.Request, reason: str) -> NoReturn:
    log.warning("console.form_refused", reason=reason, path=request.path, remote=request.remote)
    raise ForbiddenError(
        f"Nothing was changed, because {reason}. Open the page again, and send its form.",
    )
