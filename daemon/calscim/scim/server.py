"""The SCIM 2.0 server: it authenticates, routes, answers and logs every request.

The response to a change follows its transaction. Without a database every response is 503.
"""

import asyncio
from typing import Any

import structlog
from aiohttp import web

from calscim.clock import Clock
from calscim.config import Scim
from calscim.directory.directory_names import DirectoryNames
from calscim.directory.offset_pages import OffsetPages
from calscim.errors import ScimError, StoreUnavailable
from calscim.journal import append
from calscim.postgres.fair_shares import BORROWER
from calscim.postgres.outages import ConnectionLost, Crowded
from calscim.postgres.pool import Database
from calscim.scim import bodies, groups, users
from calscim.scim.admission import ADMISSION, Admission
from calscim.scim.auth import Authenticator, Caller
from calscim.scim.body_memory import Reservation
from calscim.scim.bulk import bulk
from calscim.scim.client_address import TrustedProxies
from calscim.scim.discovery import ENDPOINTS, Discovery
from calscim.scim.metrics import Metrics
from calscim.scim.paging.cursor_token import CursorKeys
from calscim.scim.redaction import redact_id, redact_message
from calscim.scim.request import RequestContext, compute, from_request
from calscim.scim.request_headers import check_headers, request_id_of
from calscim.scim.request_span import traced
from calscim.scim.responses import error_response
from calscim.scim.schema import GROUP, USER
from calscim.scim.scopes import require_scope
from calscim.scim.search import search, search_all
from calscim.scim.token_uses import TokenUses
from calscim.scim.unavailable_log import UnavailableLog

log = structlog.get_logger()

MAX_LINE = 16_384  # bytes of a request line: a filter of a few kilobytes, escaped
# Bytes of a header. It differs from MAX_LINE, so that aiohttp's errors say which of the two was too long.
MAX_FIELD = 16_000
LINGER = 2.0  # seconds to drain a body that is not read, so that the client receives the response
OUTCOME_TIMEOUT = (
    0.8  # seconds to find out whether a change was committed when the connection was lost
)
OUTCOME_INTERVAL = 0.1  # seconds between two attempts
RETRY_AFTER = {"Retry-After": "5"}
WRITES = ("POST", "PUT", "PATCH", "DELETE")
# The key of an application's own names of directories, which the daemon reads again every few seconds.
DIRECTORY_NAMES = web.AppKey("DIRECTORY_NAMES", DirectoryNames)
_TYPES = {"users": ("Users", USER), "groups": ("Groups", GROUP)}
HANDLERS: dict[str, Any] = {"Users": users, "Groups": groups}


def app(
    db: Database,
    settings: Scim,
    clock: Clock,
    metrics: Metrics,
    token_uses: TokenUses | None = None,
) -> web.Application:
    """Return the application that serves ``/scim/v2/{directory}`` for every directory in the database."""
    server = ScimServer(db, settings, clock, metrics, token_uses or TokenUses())
    application = web.Application(
        client_max_size=settings.max_body_bytes,
        handler_args={
            "max_line_size": MAX_LINE,
            "max_field_size": MAX_FIELD,
            "auto_decompress": False,
            "lingering_time": LINGER,
        },
    )
    application[ADMISSION] = server.admission
    application[DIRECTORY_NAMES] = server.names
    handle = (
        server.handle if db.tracing is None else traced(server.handle, db.tracing, server.names)
    )
    for path, handler in (
        (r"/scim/v2/{directory}{rest:(/[\s\S]*)?}", handle),
        (r"/{rest:[\s\S]*}", server.not_found),
    ):
        application.router.add_route("*", path, handler, expect_handler=_continue_later)
    return application


class ScimServer:
    """The handlers of all requests, and what they share."""

    def __init__(
        self,
        db: Database,
        settings: Scim,
        clock: Clock,
        metrics: Metrics,
        token_uses: TokenUses,
    ) -> None:
        self.db = db
        self.token_uses = token_uses
        self.settings = settings
        self.clock = clock
        self.metrics = metrics
        self.names = DirectoryNames()
        self.unavailable = UnavailableLog(clock)
        self.cursor_keys = CursorKeys(db)
        self.offset_pages = OffsetPages(db)
        self.authenticator = Authenticator(db, clock, self.names, metrics)
        self.admission = Admission.of(settings, clock, metrics)
        self.discovery = Discovery(
            settings.max_body_bytes, announce_cursors=settings.announce_cursors
        )
        self.proxies = TrustedProxies.of(settings.trusted_proxies)
        self.log = log.bind()  # bound once, as every request logs a line

    async def not_found(self, _: web.Request) -> web.Response:
        """Answer a request outside of the base URLs."""
        return error_response(
            ScimError(404, "SCIM base URLs begin with /scim/v2/<directory>: correct the base URL")
        )

    async def handle(self, request: web.Request) -> web.Response:
        began = self.clock.monotonic()
        directory = request.match_info["directory"]
        parts = [part for part in request.match_info["rest"].split("/") if part]
        request_id = request_id_of(request.headers.get("X-Request-Id"))
        remote = self.proxies.client(request.remote, request.headers.getall("X-Forwarded-For", ()))
        caller: Caller | None = None
        ctx: RequestContext | None = None
        error: ScimError | None = None
        reservation: Reservation | None = None
        BORROWER.set("")
        try:
            check_headers(request)
            caller = await self.authenticator.caller(
                request.headers.get("Authorization"), directory, remote
            )
            BORROWER.set(caller.directory)
            if bodies.is_large(request):
                await self.authenticator.confirm(caller, remote)
            reservation = self.admission.admit(caller.directory, request)
            body = await bodies.read(request, self.settings.max_body_bytes)
            reservation.resize(len(body))
            ctx = from_request(
                request,
                self.db,
                self.settings,
                self.cursor_keys,
                self.offset_pages,
                caller,
                request_id,
                remote,
                self.clock.now(),
                body,
                self.names.fields(caller.directory),
            )
            require_scope(ctx.caller, ctx.method, is_search=_is_search(ctx))
            response = await self._dispatch(ctx, parts)
        except ScimError as refused:
            error = await self._refused(caller, ctx, refused, remote)
            response = error_response(error)
        except Crowded as crowded:
            self.admission.refuse(directory, crowded.reason)
            error = ScimError(429, str(crowded), headers=RETRY_AFTER)
            response = error_response(error)
        except StoreUnavailable as unavailable:
            error = _without_database(unavailable)
            response = error_response(error)
        except Exception:
            log.exception(
                "scim.failed",
                request_id=request_id,
                directory=directory[:40],
                **self.names.fields(directory),
            )
            error = ScimError(
                500, "the request failed unexpectedly: look up its request id in the log"
            )
            response = error_response(error)
        finally:
            if reservation is not None:
                reservation.release()
        response.headers["X-Request-Id"] = request_id
        if ctx is not None and response.status != 401:
            self.token_uses.note(ctx.caller.token_id, ctx.began)
        self._log_request(
            request, caller, ctx, parts, response.status, began, request_id, remote, error
        )
        return response

    # ---------------------------------------------------------------- refusals and log

    async def _refused(
        self, caller: Caller | None, ctx: RequestContext | None, refused: ScimError, remote: str
    ) -> ScimError:
        """Journal the refusal of a change, and return the error of the response.

        A token that is no longer valid gets 401, whatever else is wrong with the request, and no journal row.
        """
        if caller is None:
            return refused
        if refused.status == 401:
            return self.authenticator.no_longer_valid(caller, remote, refused.detail)
        try:
            if ctx is None or ctx.method not in WRITES or ctx.seq is not None or _is_search(ctx):
                await self.authenticator.confirm(caller, remote)
                return refused
            kind, raw_id = ctx.resource
            ctx.seq = await append.refuse(
                self.db, ctx.origin, refused.status, kind, redact_id(raw_id)
            )
            if ctx.seq is None:
                await self.authenticator.confirm(caller, remote)
        except StoreUnavailable as unavailable:
            return _without_database(unavailable)
        except ScimError as invalid:
            return invalid
        return refused

    def _log_request(
        self,
        request: web.Request,
        caller: Caller | None,
        ctx: RequestContext | None,
        parts: list[str],
        status: int,
        began: float,
        request_id: str,
        remote: str,
        error: ScimError | None,
    ) -> None:
        seconds = self.clock.monotonic() - began
        resource = (
            parts[0].capitalize()[:20] if parts and parts[0].lower() in _ENDPOINTS else "other"
        )
        directory = "" if caller is None else caller.directory
        named = directory or request.match_info["directory"][:40]
        self.metrics.count_request(
            directory, request.method, resource, status, seconds, None if ctx is None else ctx.seq
        )
        who = {"request_id": request_id, "directory": named, **self.names.fields(named)}
        cause = None if error is None else error.__cause__
        if isinstance(cause, StoreUnavailable):
            self.unavailable.note(cause, **who)
        self.log.info(
            "scim.request",
            **who,
            method=request.method,
            path="/" + "/".join(parts).partition("?")[0][:200],
            status=status,
            seconds=round(seconds, 4),
            remote=remote,
            **({} if ctx is None or ctx.seq is None else {"seq": ctx.seq}),
            **(
                {}
                if error is None
                else {"detail": redact_message(error.detail), "scim_type": error.scim_type}
            ),
            **({"reason": str(cause)} if isinstance(cause, StoreUnavailable) else {}),
        )

    # ---------------------------------------------------------------- routes

    async def _dispatch(self, ctx: RequestContext, parts: list[str]) -> web.Response:
        try:
            return await self._route(ctx, parts)
        except ConnectionLost as lost:
            if ctx.method not in WRITES or _is_search(ctx):
                raise
            return await self._committed_response(ctx, lost)

    async def _committed_response(self, ctx: RequestContext, lost: ConnectionLost) -> web.Response:
        """Return the response to a change that Postgres committed although the connection was lost.

        Raise ConnectionLost if Postgres did not commit it, or if that cannot be found out in time.
        """
        try:
            async with asyncio.timeout(OUTCOME_TIMEOUT):
                outcome = await self._await_outcome(ctx)
                if outcome is None:
                    raise lost
                ctx.seq = outcome.seq
                if outcome.status == 204 or not outcome.resource_id:
                    return web.Response(status=204)
                handlers = users if outcome.resource_type == "User" else groups
                response: web.Response = await handlers.read(ctx, outcome.resource_id)
                response.set_status(outcome.status)
                return response
        except TimeoutError as error:
            raise lost from error

    async def _await_outcome(self, ctx: RequestContext) -> append.Outcome | None:
        """Return the outcome of a change, or None if it was not committed. Retry while Postgres is unavailable."""
        while True:
            try:
                return await append.outcome(self.db, ctx.origin, ctx.began)
            except StoreUnavailable:
                await self.clock.sleep(OUTCOME_INTERVAL)

    async def _route(self, ctx: RequestContext, parts: list[str]) -> web.Response:
        match parts:
            case []:
                _require_method(ctx, "GET")
                return await search_all(ctx, ctx.query)
            case [".search"]:
                _require_method(ctx, "POST")
                return await search_all(ctx, await compute(ctx, ctx.json))
            case ["Bulk"]:
                _require_method(ctx, "POST")
                await self.authenticator.confirm(
                    ctx.caller, ctx.remote
                )  # also if there are no operations
                return await bulk(ctx, self._change)
            case ["Me", *_]:
                raise ScimError(501, "/Me is not supported: read the user by its id, /Users/<id>")
            case [name, *rest] if name in ENDPOINTS and len(rest) <= 1:
                _require_method(ctx, "GET")
                await self.authenticator.confirm(ctx.caller, ctx.remote)
                return self.discovery.respond(ctx, name, rest[0] if rest else None)
            case [name, ".search"] if name.lower() in _TYPES:
                _require_method(ctx, "POST")
                return await search(ctx, _TYPES[name.lower()][1], await compute(ctx, ctx.json))
            case [name] if name.lower() in _TYPES:
                _require_method(ctx, "GET", "POST")
                endpoint, kind = _TYPES[name.lower()]
                if ctx.method == "GET":
                    return await search(ctx, kind, ctx.query)
                return await self._change(ctx, "POST", endpoint, None)
            case [name, raw_id] if name.lower() in _TYPES:
                _require_method(ctx, "GET", "PUT", "PATCH", "DELETE")
                endpoint, _kind = _TYPES[name.lower()]
                if ctx.method == "GET":
                    response: web.Response = await HANDLERS[endpoint].read(ctx, raw_id)
                    return response
                return await self._change(ctx, ctx.method, endpoint, raw_id)
        raise ScimError(404, "there is no such endpoint: /ResourceTypes lists the endpoints")

    @staticmethod
    async def _change(
        ctx: RequestContext, method: str, endpoint: str, raw_id: str | None
    ) -> web.Response:
        handlers = HANDLERS[endpoint]
        response: web.Response
        if method == "POST":
            if raw_id is not None:
                raise ScimError(
                    405,
                    f"POST creates a resource and takes no id: send it to /{endpoint}",
                    headers={"Allow": "GET, PUT, PATCH, DELETE, HEAD"},
                )
            response = await handlers.create(ctx)
            return response
        if raw_id is None:
            raise ScimError(
                405,
                f"{method} needs the id of a resource: send it to /{endpoint}/<id>",
                headers={"Allow": "GET, POST, HEAD"},
            )
        change = {"PUT": handlers.replace, "PATCH": handlers.modify, "DELETE": handlers.delete}
        response = await change[method](ctx, raw_id)
        return response


_ENDPOINTS = frozenset(
    {"users", "groups", "bulk", "me", ".search", *(name.lower() for name in ENDPOINTS)}
)


async def _continue_later(_: web.Request) -> None:
    """Do not answer "Expect: 100-continue" yet: that happens after authentication, before the body is read."""


def _without_database(unavailable: StoreUnavailable) -> ScimError:
    error = ScimError(503, "the database is unavailable: try again", headers=RETRY_AFTER)
    error.__cause__ = unavailable
    return error


def _is_search(ctx: RequestContext) -> bool:
    return ctx.method == "POST" and ctx.path.partition("?")[0].rstrip("/").endswith("/.search")


def _require_method(ctx: RequestContext, *methods: str) -> None:
    """Raise ScimError(405) if the endpoint does not support the method."""
    if ctx.method not in methods:
        if "GET" in methods:
            methods = (*methods, "HEAD")
        raise ScimError(
            405,
            f"{ctx.method} is not supported here: use {' or '.join(methods)}",
            headers={"Allow": ", ".join(methods)},
        )
