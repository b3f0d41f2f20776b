"""SCIM 2.0 over HTTP: one door for every request, from authentication to its line in the log.

A request that changes something is answered after its transaction; without a database everything is 503.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from random import getrandbits
from typing import Any

import structlog
from aiohttp import HttpVersion11, web

from calscim.clock import Clock
from calscim.config import Scim
from calscim.errors import ScimError, StoreUnavailable
from calscim.journal import append
from calscim.postgres.outages import ConnectionLost, Crowded
from calscim.postgres.places import BORROWER
from calscim.postgres.pool import Database
from calscim.scim import bodies, groups, users
from calscim.scim.admission import ADMISSION, Admission
from calscim.scim.auth import Authenticator, Caller
from calscim.scim.bulk import bulk
from calscim.scim.client_address import TrustedProxies
from calscim.scim.discovery import ENDPOINTS, Discovery
from calscim.scim.flight import Load
from calscim.scim.metrics import Metrics
from calscim.scim.paging.cursor_token import CursorKeys
from calscim.scim.redaction import hide_in_message, kept_id
from calscim.scim.request import Exchange, computed, from_request
from calscim.scim.responses import error_response
from calscim.scim.schema import GROUP, USER
from calscim.scim.scopes import require_scope
from calscim.scim.search import search, search_all
from calscim.scim.token_uses import TokenUses

log = structlog.get_logger()

LONGEST_LINE = 16_384  # bytes of a request line: a filter of a few kilobytes, escaped
# Bytes of a header. Another number than LONGEST_LINE, so that aiohttp's errors tell which of the two was too long.
LONGEST_FIELD = 16_000
LINGER = 2.0  # seconds to drain a body that is not read, so that the client sees the answer
AGAIN = 0.8  # seconds to find out what became of a change whose connection was lost
LOOK = 0.1  # seconds between two looks
RETRY_AFTER = {"Retry-After": "5"}
WRITES = ("POST", "PUT", "PATCH", "DELETE")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._:/+=-]{1,100}$")
_TYPES = {"users": ("Users", USER), "groups": ("Groups", GROUP)}
_ROOMS: dict[str, Any] = {"Users": users, "Groups": groups}

Handler = Callable[[], Awaitable[web.Response]]


def app(
    db: Database,
    settings: Scim,
    clock: Clock,
    metrics: Metrics,
    token_uses: TokenUses | None = None,
) -> web.Application:
    """Serves ``/scim/v2/{directory}`` of every directory in the database. ``token_uses`` learns of every use."""
    door = _Door(db, settings, clock, metrics, token_uses or TokenUses())
    application = web.Application(
        client_max_size=settings.max_body_bytes,
        handler_args={
            "max_line_size": LONGEST_LINE,
            "max_field_size": LONGEST_FIELD,
            "auto_decompress": False,
            "lingering_time": LINGER,
        },
    )
    application[ADMISSION] = door.admission
    for path, handler in (
        (r"/scim/v2/{directory}{rest:(/[\s\S]*)?}", door.answer),
        (r"/{rest:[\s\S]*}", door.elsewhere),
    ):
        application.router.add_route("*", path, handler, expect_handler=_expected_later)
    return application


class _Door:
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
        self.cursor_keys = CursorKeys(db)
        self.authenticator = Authenticator(db, clock)
        self.admission = Admission.of(settings, clock, metrics)
        self.discovery = Discovery(settings.max_body_bytes)
        self.proxies = TrustedProxies.of(settings.trusted_proxies)
        self.log = log.bind()  # made once: a line for every request passes through it

    async def elsewhere(self, _: web.Request) -> web.Response:
        return error_response(
            ScimError(404, "SCIM is served below /scim/v2/<directory>: correct the base URL")
        )

    async def answer(self, request: web.Request) -> web.Response:
        began = self.clock.monotonic()
        directory = request.match_info["directory"]
        parts = [part for part in request.match_info["rest"].split("/") if part]
        request_id = _request_id(request.headers.get("X-Request-Id"))
        remote = self.proxies.client(request.remote, request.headers.getall("X-Forwarded-For", ()))
        caller: Caller | None = None
        x: Exchange | None = None
        error: ScimError | None = None
        load: Load | None = None
        BORROWER.set("")
        try:
            _well_formed(request)
            caller = await self.authenticator.caller(
                request.headers.get("Authorization"), directory, remote
            )
            BORROWER.set(caller.directory)
            if bodies.is_large(request):
                await self.authenticator.confirm(caller, remote)
            load = self.admission.admit(caller.directory, request)
            body = await bodies.read(request, self.settings.max_body_bytes)
            load.settle(len(body))
            x = from_request(
                request,
                self.db,
                self.settings,
                self.cursor_keys,
                caller,
                request_id,
                remote,
                self.clock.now(),
                body,
            )
            require_scope(x.caller, x.method, is_search=_is_search(x))
            response = await self._handled(x, parts)
        except ScimError as refused:
            error = await self._refused(caller, x, refused, remote)
            response = error_response(error)
        except Crowded as crowded:
            self.admission.refuse(directory, crowded.reason)
            error = ScimError(429, str(crowded), headers=RETRY_AFTER)
            response = error_response(error)
        except StoreUnavailable as away:
            log.warning("scim.unavailable", request_id=request_id, reason=str(away))
            error = ScimError(503, "the database is away: try again", headers=RETRY_AFTER)
            response = error_response(error)
        except Exception:
            log.exception("scim.failed", request_id=request_id)
            error = ScimError(500, "this request could not be answered; the log says why")
            response = error_response(error)
        finally:
            if load is not None:
                load.end()
        response.headers["X-Request-Id"] = request_id
        if x is not None and response.status != 401:
            self.token_uses.note(x.caller.token_id, x.began)
        self._tell(request, x, parts, response.status, began, request_id, remote, error)
        return response

    # ---------------------------------------------------------------- before and after

    async def _refused(
        self, caller: Caller | None, x: Exchange | None, refused: ScimError, remote: str
    ) -> ScimError:
        """Journal what an authenticated caller may not change.

        A token that is no longer valid is 401, whatever else is wrong with the request, and leaves no row.
        """
        if caller is None:
            return refused
        if refused.status == 401:
            self.authenticator.forget(caller)
            return self.authenticator.refused(remote, refused.detail)
        try:
            if x is None or x.method not in WRITES or x.seq is not None or _is_search(x):
                await self.authenticator.confirm(caller, remote)
                return refused
            kind, number = x.resource
            x.seq = await append.refuse(self.db, x.origin, refused.status, kind, kept_id(number))
            if x.seq is None:
                await self.authenticator.confirm(caller, remote)
        except StoreUnavailable:
            return ScimError(503, "the database is away: try again", headers=RETRY_AFTER)
        except ScimError as invalid:
            return invalid
        return refused

    def _tell(
        self,
        request: web.Request,
        x: Exchange | None,
        parts: list[str],
        status: int,
        began: float,
        request_id: str,
        remote: str,
        error: ScimError | None,
    ) -> None:
        seconds = self.clock.monotonic() - began
        resource = parts[0].capitalize()[:20] if parts and parts[0].lower() in _KNOWN else "other"
        directory = x.caller.directory if x is not None else ""
        self.metrics.answered(
            directory, request.method, resource, status, seconds, None if x is None else x.seq
        )
        self.log.info(
            "scim.request",
            request_id=request_id,
            directory=directory or request.match_info["directory"][:40],
            method=request.method,
            path="/" + "/".join(parts).partition("?")[0][:200],
            status=status,
            seconds=round(seconds, 4),
            remote=remote,
            **({} if x is None or x.seq is None else {"seq": x.seq}),
            **(
                {}
                if error is None
                else {"detail": hide_in_message(error.detail), "scim_type": error.scim_type}
            ),
        )

    # ---------------------------------------------------------------- routes

    async def _handled(self, x: Exchange, parts: list[str]) -> web.Response:
        try:
            return await self._route(x, parts)
        except ConnectionLost as lost:
            if x.method not in WRITES or _is_search(x):
                raise
            return await self._outcome(x, lost)

    async def _outcome(self, x: Exchange, lost: ConnectionLost) -> web.Response:
        """The connection was lost under way: answer with what is true, if that can be known in time."""
        try:
            async with asyncio.timeout(AGAIN):
                found = await self._looked_for(x)
                if found is None:
                    raise lost
                x.seq = found.seq
                if found.status == 204 or not found.resource_id:
                    return web.Response(status=204)
                room = users if found.resource_type == "User" else groups
                response: web.Response = await room.read(x, found.resource_id)
                response.set_status(found.status)
                return response
        except TimeoutError as error:
            raise lost from error

    async def _looked_for(self, x: Exchange) -> append.Outcome | None:
        """As often as the time allows: the server may be coming back."""
        while True:
            try:
                return await append.outcome(self.db, x.origin, x.began)
            except StoreUnavailable:
                await self.clock.sleep(LOOK)

    async def _route(self, x: Exchange, parts: list[str]) -> web.Response:
        match parts:
            case []:
                _only(x, "GET")
                return await search_all(x, x.query)
            case [".search"]:
                _only(x, "POST")
                return await search_all(x, await computed(x, x.json))
            case ["Bulk"]:
                _only(x, "POST")
                await self.authenticator.confirm(x.caller, x.remote)  # there may be no operation
                return await bulk(x, self._change)
            case ["Me", *_]:
                raise ScimError(501, "/Me is not supported: a token stands for no user")
            case [name, *rest] if name in ENDPOINTS and len(rest) <= 1:
                _only(x, "GET")
                await self.authenticator.confirm(x.caller, x.remote)
                return self.discovery.answer(x, name, rest[0] if rest else None)
            case [name, ".search"] if name.lower() in _TYPES:
                _only(x, "POST")
                return await search(x, _TYPES[name.lower()][1], await computed(x, x.json))
            case [name] if name.lower() in _TYPES:
                _only(x, "GET", "POST")
                endpoint, kind = _TYPES[name.lower()]
                if x.method == "GET":
                    return await search(x, kind, x.query)
                return await self._change(x, "POST", endpoint, None)
            case [name, number] if name.lower() in _TYPES:
                _only(x, "GET", "PUT", "PATCH", "DELETE")
                endpoint, _kind = _TYPES[name.lower()]
                if x.method == "GET":
                    response: web.Response = await _ROOMS[endpoint].read(x, number)
                    return response
                return await self._change(x, x.method, endpoint, number)
        raise ScimError(404, "there is no such endpoint: see /ResourceTypes for those there are")

    @staticmethod
    async def _change(x: Exchange, method: str, endpoint: str, number: str | None) -> web.Response:
        room = _ROOMS[endpoint]
        if method == "POST":
            if number is not None:
                raise ScimError(
                    405,
                    "POST goes to the collection",
                    headers={"Allow": "GET, PUT, PATCH, DELETE, HEAD"},
                )
            made: web.Response = await room.create(x)
            return made
        if number is None:
            raise ScimError(405, f"{method} needs an id", headers={"Allow": "GET, POST, HEAD"})
        handlers = {"PUT": room.replace, "PATCH": room.modify, "DELETE": room.delete}
        response: web.Response = await handlers[method](x, number)
        return response


_KNOWN = frozenset(
    {"users", "groups", "bulk", "me", ".search", *(name.lower() for name in ENDPOINTS)}
)


async def _expected_later(_: web.Request) -> None:
    """Expect: 100-continue is answered when the body is asked for, after authentication."""


def _well_formed(request: web.Request) -> None:
    """ScimError 400 or 417 for what RFC 9112 section 3.2 and RFC 9110 section 10.1.1 forbid."""
    hosts = request.headers.getall("Host", ())
    if len(hosts) > 1 or (not hosts and request.version >= HttpVersion11):
        raise ScimError(400, "the request needs exactly one Host header")
    expected = request.headers.get("Expect")
    if expected is not None and expected.lower() != "100-continue":
        raise ScimError(417, "the only expectation that is supported is 100-continue")


def _is_search(x: Exchange) -> bool:
    return x.method == "POST" and x.path.partition("?")[0].rstrip("/").endswith("/.search")


def _only(x: Exchange, *methods: str) -> None:
    if x.method not in methods:
        if "GET" in methods:
            methods = (*methods, "HEAD")
        raise ScimError(
            405,
            f"{x.method} is not possible here: use {' or '.join(methods)}",
            headers={"Allow": ", ".join(methods)},
        )


def _request_id(given: str | None) -> str:
    if given is not None and _REQUEST_ID.match(given):
        return given
    return f"{getrandbits(128):032x}"  # it names a request, and is no secret
