"""Sends calls to Cal.com within the rate budget, and interprets the responses.

It sends a change once, follows no redirect, limits the size of a response, and never shows the API key. aiohttp
repeats a read once if its connection was lost.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import orjson
import structlog

from calscim import __version__
from calscim.calcom import errors as answers
from calscim.calcom.errors import MalformedAnswer
from calscim.calcom.metrics import Metrics
from calscim.calcom.rate_budget import Budget
from calscim.calcom.ratelimit import (
    binding_limit,
    parse_rate_limits,
    parse_retry_after,
    seconds_blocked,
)
from calscim.clock import Clock
from calscim.errors import RemoteError, RemoteKind
from calscim.tracing import Tracing

log = structlog.get_logger()

MAX_BYTES = 16 * 1024 * 1024
T = TypeVar("T")
WaitContext = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class RatePermit:
    """Permission to send one call, which the budget has counted. ``request_id`` is sent with the call."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The status, body and headers of a response."""

    status: int
    text: bytes
    headers: Mapping[str, str]


class _SendOnce:
    """Middleware that keeps aiohttp from repeating a call: it repeats each DELETE whose connection was lost.

    Cal.com may have carried out the first one. The answer to the second, 404, would hide that calscim did it.
    """

    def __init__(self) -> None:
        self._error: aiohttp.ClientError | None = None

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self._error is not None:
            raise self._error
        try:
            return await handler(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            self._error = error
            raise


class Transport:
    """The connection of one API key, and the budget that all its calls share."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        organization: str,
        api_url: str,
        api_key: str,
        budget: Budget,
        clock: Clock,
        timeout: float,
        metrics: Metrics | None = None,
        waiting: WaitContext = nullcontext,
        tracing: Tracing | None = None,
        send_traceparent: bool = False,
    ) -> None:
        """Begin without a connection. ``waiting`` is entered while a call waits for the rate limit or for Cal.com.

        ``send_traceparent``: send the span of a call to Cal.com, if there is tracing.
        """
        self._tracing = tracing
        self._send_traceparent = send_traceparent
        self.budget = budget
        self._waiting = waiting
        self.calls = 0
        self.on_wait: Callable[[float], Awaitable[None]] | None = (
            None  # with the seconds, before them
        )
        self.organization = organization
        self._session = session
        self._base = api_url.rstrip("/").removesuffix("/v2")
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._metrics = metrics
        if metrics is not None:
            metrics.follow_budget(organization, lambda: budget.remaining(clock.monotonic()))
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json",
            "User-Agent": f"calscim/{__version__}",
        }

    def use(self, *, api_key: str, timeout: float, send_traceparent: bool) -> None:
        """Use another key, timeout and handling of traces from the next call on."""
        self._send_traceparent = send_traceparent
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._headers = {**self._headers, "Authorization": f"Bearer {api_key}"}

    def __repr__(self) -> str:
        return f"Transport({self.organization!r}, {self._base!r})"

    async def acquire_permit(self, request_id: str | None = None) -> RatePermit:
        """Wait until the budget allows one more call, count the call, and return the permit."""
        while (wait := self.budget.delay(self._clock.monotonic())) > 0:
            log.info("calcom.waiting", organization=self.organization, seconds=round(wait, 1))
            if self.on_wait is not None:
                await self.on_wait(wait)
            async with self._waiting():
                await self._clock.sleep(wait)
        self.budget.take(self._clock.monotonic())
        return RatePermit(request_id or f"read-{uuid.uuid4()}")

    async def send(
        self,
        permit: RatePermit,
        method: str,
        path: str,
        parse: Callable[[Any], T],
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
    ) -> T:
        """Send a call and return ``data`` of its response, parsed. Raise RemoteError in every other case."""
        began = self._clock.monotonic()
        self.calls += 1
        status = "none"
        try:
            async with self._waiting():
                answer = await self._traced(permit, method, path, query, body)
            status = str(answer.status)
        finally:
            self._record_call(permit, method, path, status, began)
        return self._interpret(method, path, answer, parse)

    async def _traced(
        self,
        permit: RatePermit,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: Mapping[str, Any] | None,
    ) -> Answer:
        if self._tracing is None:
            return await self._request(permit, method, path, query, body, {})
        host = urlsplit(self._base).hostname or ""
        with self._tracing.call(method, path, host) as span:
            sent = {"traceparent": span.traceparent} if self._send_traceparent else {}
            answer = await self._request(permit, method, path, query, body, sent)
            span.set(status_code=answer.status, organization=self.organization)
            if answer.status >= 400:
                span.fail(str(answer.status))
            return answer

    async def _request(
        self,
        permit: RatePermit,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: Mapping[str, Any] | None,
        more_headers: Mapping[str, str],
    ) -> Answer:
        headers = {
            **self._headers,
            **more_headers,
            "X-Request-Id": _header(permit.request_id),
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method,
                self._base + path,
                params=query,
                data=None if body is None else orjson.dumps(body),
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                middlewares=() if method == "GET" else (_SendOnce(),),
            ) as response:
                return Answer(
                    response.status, await _read_bounded(response.content), response.headers
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RemoteError(
                RemoteKind.UNREACHABLE,
                f"Cal.com did not answer {method} {path} ({type(error).__name__}); "
                "check that api_url is right and that Cal.com is running",
            ) from error

    def _interpret(self, method: str, path: str, answer: Answer, parse: Callable[[Any], T]) -> T:
        self._update_budget(answer)
        said = answers.decode(answer.text)
        if not 200 <= answer.status < 300:
            raise answers.to_remote_error(method, path, answer.status, said)
        try:
            return parse(None if answer.status == 204 else answers.success_data(said))
        except MalformedAnswer as error:
            raise RemoteError(
                RemoteKind.MALFORMED,
                f"Cal.com answered {method} {path} with {answer.status}, but not in the documented "
                f"form: {error}; check that api_url leads to Cal.com's API v2",
                status=answer.status,
            ) from error

    def _update_budget(self, answer: Answer) -> None:
        """Apply the rate-limit headers of a response to the budget."""
        now = self._clock.monotonic()
        found = parse_rate_limits(answer.headers)
        if (one := binding_limit(found)) is not None:
            self.budget.apply_headers(
                now, limit=one.limit, remaining=one.remaining, reset_in=one.reset_in
            )
        if answer.status == 429:
            seconds = parse_retry_after(answer.headers)
            self.budget.block(now, seconds_blocked(found) if seconds is None else seconds)

    def _record_call(
        self, permit: RatePermit, method: str, path: str, status: str, began: float
    ) -> None:
        seconds = self._clock.monotonic() - began
        if self._metrics is not None:
            self._metrics.count_call(self.organization, method, status, seconds)
        log.debug(
            "calcom.request",
            organization=self.organization,
            method=method,
            path=path,
            status=status,
            seconds=round(seconds, 3),
            request_id=permit.request_id,
        )


async def _read_bounded(content: aiohttp.StreamReader) -> bytes:
    """Return the body of a response, or nothing, which is not JSON, if it has more than MAX_BYTES."""
    chunks, size = [], 0
    async for chunk in content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BYTES:
            return b""
    return b"".join(chunks)


def _header(request_id: str) -> str:
    """Return a request id as one header line."""
    return "".join(char if char.isascii() and char.isprintable() else "_" for char in request_id)[
        :200
    ]
