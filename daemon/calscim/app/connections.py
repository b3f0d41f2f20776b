"""Limits the connections of clients, and renders the errors that aiohttp finds before the application is called.

aiohttp answers requests that it cannot parse with plain text that names its parser. Here such errors look like every
other error. Each listener has a cap on its connections, so that the other listeners and the database always have
descriptors left.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from calscim.errors import ScimError
from calscim.scim.client_address import UNIX, TrustedProxies, client_network

log = structlog.get_logger()

HEADERS_WITHIN = 10.0  # seconds from the first byte of a request to the end of its headers, and from the connection
KEPT_ALIVE = 75.0  # seconds without a request: longer than the 60 s that proxies keep a connection to a backend
MOST_CONNECTIONS = 2_000  # of the SCIM listener, in all; Okta opens a few
# Of one client. No identity provider opens as many, and it takes ten clients to fill the listener.
MOST_OF_A_CLIENT = 200
MOST_OF_OPS = 100  # monitoring opens one or two
DESCRIPTORS = 16_384  # that the process asks for; as LimitNOFILE in the systemd unit
RESERVED = 256  # descriptors for Postgres, Cal.com, files, listeners

Render = Callable[[ScimError], web.Response]


@dataclass(slots=True)
class Connections:
    """How many connections a listener has, in all and by client. A trusted proxy may have all of them."""

    most: int
    most_of_a_client: int
    proxies: TrustedProxies
    _open: int = 0
    _of: Counter[str] = field(default_factory=Counter)

    def admit(self, peer: str) -> bool:
        """Count one more connection; False, and not counted, if that is too many."""
        client = client_network(peer)
        if self._open >= self.most:
            return False
        if self._of[client] >= self.most_of_a_client and not self._is_proxy(peer):
            return False
        self._open += 1
        self._of[client] += 1
        return True

    def release(self, peer: str) -> None:
        client = client_network(peer)
        self._open -= 1
        self._of[client] -= 1
        if not self._of[client]:
            del self._of[client]

    def _is_proxy(self, peer: str) -> bool:
        return peer == UNIX or self.proxies.trusts(peer)


def descriptors() -> int:
    """Raise the limit on descriptors as far as ``DESCRIPTORS``, where that is allowed; return what it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def most_connections(descriptors: int) -> int:
    """Return how many SCIM connections leave enough descriptors for everything else."""
    return max(16, min(MOST_CONNECTIONS, (descriptors - RESERVED - MOST_OF_OPS) // 2))


class Runner(web.AppRunner):
    """Serves an application on connections that are limited. ``render`` makes the answer of an error."""

    __slots__ = ("_connections", "_render")

    def __init__(
        self, application: web.Application, connections: Connections, render: Render, **kwargs: Any
    ) -> None:
        super().__init__(
            application,
            access_log=None,
            handle_signals=False,
            keepalive_timeout=KEPT_ALIVE,
            **kwargs,
        )
        self._connections = connections
        self._render = render

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._connections, self._render)


class _Server(web.Server):
    def __init__(self, made: web.Server, connections: Connections, render: Render) -> None:
        self.options = made._kwargs  # noqa: SLF001 - aiohttp shows its options nowhere else
        super().__init__(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            **self.options,
        )
        self.limits = connections
        self.render = render

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self.options)


class _Connection(RequestHandler):
    """One connection. ``_peer``: set as long as the connection is counted."""

    __slots__ = ("_headers_timer", "_peer", "_server")

    def __init__(self, server: _Server, **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self._server = server
        self._peer: str | None = None
        self._headers_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        name = transport.get_extra_info("peername")
        peer = name[0] if isinstance(name, tuple) else UNIX
        if not self._server.limits.admit(peer):
            log.info("http.too_many_connections", remote=peer)
            self._force_close = True
            assert isinstance(transport, asyncio.Transport)
            transport.write(self._raw(_BUSY))
            transport.close()
            return
        self._peer = peer
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._headers_came()
        if self._peer is not None:
            self._server.limits.release(self._peer)
            self._peer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiter = self._waiter
        if self._messages or waiter is None or waiter.done():
            self._headers_came()
        elif self._headers_timer is None:
            self._expect_headers()

    def _expect_headers(self) -> None:
        self._headers_timer = self._loop.call_later(HEADERS_WITHIN, self._headers_are_late)

    def _headers_came(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _headers_are_late(self) -> None:
        self._headers_timer = None
        if self.transport is not None:
            self.transport.write(self._raw(_LATE))
        self.force_close()

    def _raw(self, error: ScimError) -> bytes:
        """An answer without a request."""
        made = self._server.render(error)
        head = {**made.headers, "Server": SERVER, "Connection": "close"}
        body = made.body if isinstance(made.body, bytes) else b""
        head["Content-Length"] = str(len(body))
        lines = [f"HTTP/1.1 {made.status} {made.reason}", *(f"{k}: {v}" for k, v in head.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp could not parse, or an exception that no handler caught. ``message`` is aiohttp's."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun: there cannot be another one")
        error = self._described(status, exc)
        if error.status >= 500:
            log.error("http.failed", remote=request.remote, exc_info=exc)
        else:
            log.info("http.refused", remote=request.remote, status=error.status, reason=message)
        made = self._server.render(error)
        made.force_close()
        return made

    def _described(self, status: int, exc: BaseException | None) -> ScimError:
        if isinstance(exc, LineTooLong):
            if exc.args[1] == self.max_line_size:
                return ScimError(414, "the URL is too long: send the search as a POST to /.search")
            return ScimError(431, "a header is too long: send shorter ones")
        if status < 500:
            return ScimError(400, "this is not a well-formed HTTP request: see RFC 9112")
        return ScimError(500, "this request could not be answered; the log says why")

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPException):  # of aiohttp's router
            resp = self._server.render(ScimError(resp.status, resp.reason))
        resp.headers["Server"] = SERVER
        return await super().finish_response(request, resp, start_time)


SERVER = "calscim"  # without a version, which would help an attacker
_BUSY = ScimError(
    503, "there are too many connections: close some, and try again", headers={"Retry-After": "5"}
)
_LATE = ScimError(408, "the headers did not arrive in time: send the request again")
