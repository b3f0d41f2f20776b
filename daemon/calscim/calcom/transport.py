"""Sends one call to Cal.com, through the budget, and decides once what its answer means.

Retries nothing, follows no redirect, reads no more than it has room for, and never shows the API key.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import orjson
import structlog

from calscim import __version__
from calscim.calcom import errors as answers
from calscim.calcom.errors import Unreadable
from calscim.calcom.metrics import Metrics
from calscim.calcom.rate_budget import Budget
from calscim.calcom.ratelimit import allowances, binding, blocked_for
from calscim.clock import Clock
from calscim.errors import RemoteError, RemoteKind

log = structlog.get_logger()

MOST_BYTES = 16 * 1024 * 1024
T = TypeVar("T")
Waiting = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Turn:
    """Permission to send one call: it is in the budget already. ``request_id`` goes with it."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of whatever came back."""

    status: int
    text: bytes
    headers: Mapping[str, str]


class Wire:
    """One key's connection. Its budget is shared by whatever calls with it."""

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
        waiting: Waiting = nullcontext,
    ) -> None:
        """``waiting`` is entered for as long as Cal.com keeps the caller waiting."""
        self.budget = budget
        self._waiting = waiting
        self.calls = 0
        self.on_wait: Callable[[float], Awaitable[None]] | None = (
            None  # with the seconds, before them
        )
        self._organization = organization
        self._session = session
        self._base = api_url.rstrip("/").removesuffix("/v2")
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._metrics = metrics
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json",
            "User-Agent": f"calscim/{__version__}",
        }

    def use(self, *, api_key: str, timeout: float) -> None:
        """From the next call on; calls under way end as they began."""
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._headers = {**self._headers, "Authorization": f"Bearer {api_key}"}

    def __repr__(self) -> str:
        return f"Wire({self._organization!r}, {self._base!r})"

    async def turn(self, request_id: str | None = None) -> Turn:
        """Wait until the budget allows one more call, and count it."""
        while (wait := self.budget.delay(self._clock.monotonic())) > 0:
            log.info("calcom.waiting", organization=self._organization, seconds=round(wait, 1))
            if self.on_wait is not None:
                await self.on_wait(wait)
            async with self._waiting():
                await self._clock.sleep(wait)
        self.budget.take(self._clock.monotonic())
        return Turn(request_id or f"read-{uuid.uuid4()}")

    async def send(
        self,
        turn: Turn,
        method: str,
        path: str,
        parse: Callable[[Any], T],
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
    ) -> T:
        """``data`` of the answer, parsed. RemoteError for everything else that can happen."""
        began = self._clock.monotonic()
        self.calls += 1
        status = "none"
        try:
            async with self._waiting():
                answer = await self._exchange(turn, method, path, query, body)
            status = str(answer.status)
        finally:
            self._note(turn, method, path, status, began)
        return self._meaning(method, path, answer, parse)

    async def _exchange(
        self,
        turn: Turn,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: Mapping[str, Any] | None,
    ) -> Answer:
        headers = {**self._headers, "X-Request-Id": _header(turn.request_id)}
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
            ) as response:
                return Answer(response.status, await _bounded(response.content), response.headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RemoteError(
                RemoteKind.UNREACHABLE,
                f"Cal.com did not answer {method} {path} ({type(error).__name__}); "
                "see that api_url is right and the service runs",
            ) from error

    def _meaning(self, method: str, path: str, answer: Answer, parse: Callable[[Any], T]) -> T:
        self._believe(answer)
        said = answers.decode(answer.text)
        if not 200 <= answer.status < 300:
            error = answers.error_of(method, path, answer.status, said)
            if error.kind is RemoteKind.THROTTLED:
                error.retry_after = blocked_for(allowances(answer.headers))
            raise error
        try:
            return parse(None if answer.status == 204 else answers.data_of(said))
        except Unreadable as error:
            raise RemoteError(
                RemoteKind.MALFORMED,
                f"Cal.com answered {method} {path} with {answer.status}, but not in the documented "
                f"form: {error}; see that api_url leads to Cal.com's API v2",
                status=answer.status,
            ) from error

    def _believe(self, answer: Answer) -> None:
        """Tell the budget what the answer says of it."""
        now = self._clock.monotonic()
        found = allowances(answer.headers)
        if (one := binding(found)) is not None:
            self.budget.answered(
                now, limit=one.limit, remaining=one.remaining, reset_in=one.reset_in
            )
        if answer.status == 429:
            self.budget.throttled(now, blocked_for(found))
        if self._metrics is not None:
            self._metrics.left(self._organization, self.budget.remaining(now))

    def _note(self, turn: Turn, method: str, path: str, status: str, began: float) -> None:
        seconds = self._clock.monotonic() - began
        if self._metrics is not None:
            self._metrics.called(self._organization, method, status, seconds)
        log.debug(
            "calcom.request",
            organization=self._organization,
            method=method,
            path=path,
            status=status,
            seconds=round(seconds, 3),
            request_id=turn.request_id,
        )


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """A body of bearable size. What is longer is cut, and then no JSON any more."""
    chunks, size = [], 0
    async for chunk in content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            return b""
    return b"".join(chunks)


def _header(request_id: str) -> str:
    """Whatever the id was made of, it stays one header line."""
    return "".join(one if one.isascii() and one.isprintable() else "_" for one in request_id)[:200]
