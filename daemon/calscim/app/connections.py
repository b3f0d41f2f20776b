"""Limits the connections of clients, and renders the errors that aiohttp finds before it calls the application.

aiohttp answers requests that it cannot parse with plain text that names its parser. This module renders such errors
like all others. Each listener limits its connections, so that descriptors are left for other listeners and the
database.
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

HEADERS_TIMEOUT = 10.0  # seconds from the connection, or from the first byte of a request, to the end of its headers
KEEPALIVE_TIMEOUT = 75.0  # seconds without a request: longer than the 60 s that proxies keep a connection to a backend
MAX_CONNECTIONS = 2_000  # of the SCIM listener; Okta opens a few
# No identity provider opens as many, and it takes ten clients to fill the listener.
MAX_CONNECTIONS_PER_CLIENT = 200
MAX_OPS_CONNECTIONS = 100  # monitoring opens one or two
DESCRIPTORS = 16_384  # that the process asks for; as LimitNOFILE in the systemd unit
RESERVED = 256  # descriptors for Postgres, Cal.com, files, listeners

Render = Callable[[ScimError], web.Response]


@dataclass(slots=True)
class Connections:
    """Counts the connections of a listener, in total and by client. A trusted proxy may have all of them."""

    limit: int
    limit_per_client: int
    proxies: TrustedProxies
    _open: int = 0
    _of: Counter[str] = field(default_factory=Counter)

    def admit(self, peer: str) -> bool:
        """Count one more connection and return True; return False if that would be too many."""
        client = client_network(peer)
        if self._open >= self.limit:
            return False
        if self._of[client] >= self.limit_per_client and not self._is_proxy(peer):
            return False
        self._open += 1
        self._of[client] += 1
        return True

    def release(self, peer: str) -> None:
        """Count a closed connection."""
        client = client_network(peer)
        self._open -= 1
        self._of[client] -= 1
        if not self._of[client]:
            del self._of[client]

    def _is_proxy(self, peer: str) -> bool:
        return peer == UNIX or self.proxies.trusts(peer)


def raise_descriptor_limit() -> int:
    """Raise the process's limit on descriptors up to ``DESCRIPTORS`` if allowed; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def connection_limit(descriptors: int) -> int:
    """Return how many SCIM connections leave enough descriptors for everything else."""
    return max(16, min(MAX_CONNECTIONS, (descriptors - RESERVED - MAX_OPS_CONNECTIONS) // 2))


class Runner(web.AppRunner):
    """Serves an application on a limited number of connections. ``render`` turns an error into a response."""

    __slots__ = ("_connections", "_render")

    def __init__(
        self, application: web.Application, connections: Connections, render: Render, **kwargs: Any
    ) -> None:
        super().__init__(
            application,
            access_log=None,
            handle_signals=False,
            keepalive_timeout=KEEPALIVE_TIMEOUT,
            **kwargs,
        )
        self._connections = connections
        self._render = render

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._connections, self._render)


class _Server(web.Server):
    def __init__(self, server: web.Server, connections: Connections, render: Render) -> None:
        self.options = server._kwargs  # noqa: SLF001 - aiohttp shows its options nowhere else
        super().__init__(
            server.request_handler,
            request_factory=server.request_factory,
            handler_cancellation=server.handler_cancellation,
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
        self._start_headers_timer()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cancel_headers_timer()
        if self._peer is not None:
            self._server.limits.release(self._peer)
            self._peer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._request_count:
            return  # the timer of the connection goes on, also before aiohttp waits for a request
        waiter = self._waiter
        if self._messages or waiter is None or waiter.done():
            self._cancel_headers_timer()
        elif self._headers_timer is None:
            self._start_headers_timer()

    def _start_headers_timer(self) -> None:
        self._headers_timer = self._loop.call_later(HEADERS_TIMEOUT, self._refuse_late_headers)

    def _cancel_headers_timer(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _refuse_late_headers(self) -> None:
        self._headers_timer = None
        if self.transport is not None:
            self.transport.write(self._raw(_LATE))
        self.force_close()

    def _raw(self, error: ScimError) -> bytes:
        """Return a response to write without a request."""
        response = self._server.render(error)
        head = {**response.headers, "Server": SERVER, "Connection": "close"}
        body = response.body if isinstance(response.body, bytes) else b""
        head["Content-Length"] = str(len(body))
        lines = [
            f"HTTP/1.1 {response.status} {response.reason}",
            *(f"{k}: {v}" for k, v in head.items()),
        ]
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
        error = self._scim_error(status, exc)
        if error.status >= 500:
            log.error("http.failed", remote=request.remote, exc_info=exc)
        else:
            log.info("http.refused", remote=request.remote, status=error.status, reason=message)
        response = self._server.render(error)
        response.force_close()
        return response

    def _scim_error(self, status: int, exc: BaseException | None) -> ScimError:
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
            resp = self._server.render(_router_error(resp, request.method))
        resp.headers["Server"] = SERVER
        return await super().finish_response(request, resp, start_time)


def _router_error(error: web.HTTPException, method: str) -> ScimError:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = sorted(error.allowed_methods)
        return ScimError(
            405,
            f"{method} is not supported here: use {' or '.join(allowed)}",
            headers={"Allow": ", ".join(allowed)},
        )
    return ScimError(error.status, error.reason)


SERVER = "calscim"  # without a version, which would help an attacker
_BUSY = ScimError(
    503, "there are too many connections: close some, and try again", headers={"Retry-After": "5"}
)
_LATE = ScimError(408, "the headers did not arrive in time: send the request again")
