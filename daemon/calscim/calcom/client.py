"""Speaks Cal.com's API v2: one call at a time through the budget, each answer classified once.

Knows no plan and retries nothing. The call that deletes a whole account does not exist here.
Source: Cal.com's published OpenAPI document for /v2/organizations/{orgId}.
"""

from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
import structlog

from calscim import __version__
from calscim.calcom.metrics import Metrics
from calscim.clock import Clock
from calscim.core.budget import Budget
from calscim.errors import RemoteError, RemoteKind

log = structlog.get_logger()

BLOCKED = 60.0  # seconds Cal.com blocks a key for, where it does not say
MOST_BYTES = 16 * 1024 * 1024
_LIMIT, _REMAINING, _RESET = "x-ratelimit-limit-", "x-ratelimit-remaining-", "x-ratelimit-reset-"


class Client:
    """One organization's calls with one key. ``repr`` and errors never show the key."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        organization: str,
        api_url: str,
        organization_id: int,
        api_key: str,
        budget: Budget,
        clock: Clock,
        timeout: float,
        metrics: Metrics | None = None,
    ) -> None:
        self.organization = organization
        self.organization_id = organization_id
        self.budget = budget
        self.calls = 0
        self._session = session
        self._base = api_url.rstrip("/")
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._metrics = metrics
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json",
            "User-Agent": f"calscim/{__version__}",
        }

    def __repr__(self) -> str:
        return f"Client({self.organization!r}, {self._base!r})"

    async def get(self, path: str, **query: Any) -> Any:
        """``data`` of a path below the organization (``/memberships``), or ``/v2/me`` as it is."""
        return await self._call("GET", path, query=query)

    async def post(self, path: str, body: Mapping[str, Any], request_id: str) -> Any:
        return await self._call("POST", path, body=body, request_id=request_id)

    async def patch(self, path: str, body: Mapping[str, Any], request_id: str) -> Any:
        return await self._call("PATCH", path, body=body, request_id=request_id)

    async def delete(self, path: str, request_id: str) -> Any:
        """Ends a membership. A path of /users is a mistake: that call deletes an account."""
        if "memberships/" not in path:
            raise ValueError(f"DELETE {path}: only memberships are ever deleted")
        return await self._call("DELETE", path, request_id=request_id)

    def _url(self, path: str) -> str:
        if path.startswith("/v2/"):
            return self._base + path
        return f"{self._base}/v2/organizations/{self.organization_id}{path}"

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Any:
        while (wait := self.budget.delay(self._clock.monotonic())) > 0:
            log.info("calcom.waiting", organization=self.organization, seconds=round(wait, 1))
            await self._clock.sleep(wait)
        began = self._clock.monotonic()
        self.budget.take(began)
        self.calls += 1
        status = "error"
        try:
            answer = await self._send(method, path, query, body, request_id)
            status = str(answer[0])
        finally:
            now = self._clock.monotonic()
            if self._metrics is not None:
                self._metrics.called(
                    self.organization, method, status, now - began, self.budget.remaining(now)
                )
            log.debug(
                "calcom.request",
                organization=self.organization,
                method=method,
                path=path,
                status=status,
                seconds=round(now - began, 3),
                request_id=request_id,
            )
        return self._data(method, path, *answer)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        request_id: str | None,
    ) -> tuple[int, bytes, float | None]:
        headers = dict(self._headers)
        if request_id is not None:
            headers["X-Request-Id"] = request_id
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method,
                self._url(path),
                params=query,
                data=None if body is None else orjson.dumps(body),
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                text = await response.content.read(MOST_BYTES + 1)
                while len(text) <= MOST_BYTES and (more := await response.content.read(MOST_BYTES)):
                    text += more
                reset = self._believe(response.headers)
                return response.status, text, reset
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RemoteError(
                RemoteKind.UNREACHABLE,
                f"Cal.com did not answer {method} {path} ({type(error).__name__}); "
                "see that api_url is right and the service runs",
            ) from error

    def _believe(self, headers: Mapping[str, str]) -> float | None:
        """Tell the budget what the rate-limit headers say; the tightest of several names rules."""
        named: dict[str, dict[str, float]] = {}
        for key, value in headers.items():
            for prefix in (_LIMIT, _REMAINING, _RESET):
                if key.lower().startswith(prefix):
                    try:
                        named.setdefault(key.lower()[len(prefix) :], {})[prefix] = float(value)
                    except ValueError:
                        continue
        if not named:
            return None
        tightest = min(named.values(), key=lambda one: one.get(_REMAINING, float("inf")))
        limit, remaining = tightest.get(_LIMIT), tightest.get(_REMAINING)
        self.budget.answered(
            self._clock.monotonic(),
            limit=None if limit is None else int(limit),
            remaining=None if remaining is None else int(remaining),
            reset_in=tightest.get(_RESET),
        )
        return tightest.get(_RESET)

    def _data(self, method: str, path: str, status: int, text: bytes, reset: float | None) -> Any:
        answer = _json(text)
        if 200 <= status < 300:
            if isinstance(answer, dict) and answer.get("status") == "success" and "data" in answer:
                return answer["data"]
            raise RemoteError(
                RemoteKind.MALFORMED,
                f"Cal.com answered {method} {path} with {status}, but not in the documented form; "
                "is api_url Cal.com's API v2?",
                status=status,
            )
        code, message = _error(answer)
        kind = _kind(method, status, code)
        if kind is RemoteKind.THROTTLED:
            reset = BLOCKED if reset is None else reset
            self.budget.throttled(self._clock.monotonic(), reset)
        raise RemoteError(
            kind,
            f"Cal.com answered {method} {path} with {status} {code}: {message}{_advice(kind)}",
            status=status,
            code=code,
            retry_after=reset if kind is RemoteKind.THROTTLED else None,
        )


def _json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _error(answer: Any) -> tuple[str, str]:
    """Code and message of either form of error body."""
    if not isinstance(answer, dict):
        return "", "no JSON in the answer"
    error = answer.get("error")
    if isinstance(error, dict):
        return str(error.get("code", "")), str(error.get("message", ""))[:300]
    return "", str(answer.get("message", ""))[:300]


def _kind(method: str, status: int, code: str) -> RemoteKind:
    if status == 429:
        return RemoteKind.THROTTLED
    if status == 401:
        return RemoteKind.AUTH
    if status == 403:
        return RemoteKind.AUTH if method == "GET" else RemoteKind.REJECTED
    if status == 409 or (status == 400 and code == "user_already_invited_or_member"):
        return RemoteKind.CONFLICT
    if status == 404:
        return RemoteKind.GONE
    if status >= 500 or status < 400:
        return RemoteKind.UNREACHABLE
    return RemoteKind.REJECTED


def _advice(kind: RemoteKind) -> str:
    if kind is RemoteKind.AUTH:
        return "; give calscim the key of an administrator of this organization (calscim check)"
    return ""
