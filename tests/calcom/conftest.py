"""Single responses of Cal.com (aioresponses), and a clock that moves only while a caller waits."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import aiohttp
import orjson
import pytest
from aioresponses import aioresponses
from yarl import URL

from calscim.calcom.client import Client
from calscim.calcom.rate_budget import Budget
from calscim.calcom.reader import Reader
from calscim.calcom.transport import Transport
from calscim.calcom.writer import CallResult, Writer

API = "https://cal.test"
KEY = "cal_live_verysecret"
ORGANIZATION = 7
ROOT = f"/v2/organizations/{ORGANIZATION}"


@dataclass
class Clock:
    """A clock whose waits take no time and are recorded."""

    moment: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.moment, UTC)

    def monotonic(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds


class Response(aiohttp.ClientResponse):
    """A response of aioresponses with the attributes that aiohttp 3.14 requires."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=Mock(output_size=0), **kwargs)


@dataclass(frozen=True)
class Sent:
    method: str
    url: URL
    headers: dict[str, str]
    body: Any

    @property
    def path(self) -> str:
        return self.url.path


@dataclass
class Calcom:
    """Returns the prepared responses in order, and records the requests."""

    mocked: aioresponses
    sent: list[Sent] = field(default_factory=list)

    def answer(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        status: int = 200,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        exception: Exception | None = None,
    ) -> None:
        """Prepare a response with ``data`` in the envelope, or with ``body`` unchanged."""
        if body is None:
            body = orjson.dumps({"status": "success", "data": data})
        self.mocked.add(
            API + path,
            method,
            status=status,
            body=body,
            headers=headers,
            exception=exception,
            response_class=Response,
            callback=self._remember(method),
        )

    def refuse(
        self,
        method: str,
        path: str,
        status: int,
        code: str = "SomeException",
        message: str = "no",
        details: Any = None,
        **more: Any,
    ) -> None:
        error = {"code": code, "message": message, "details": details}
        body = {"status": "error", "timestamp": "t", "path": path, "error": error}
        self.answer(method, path, status=status, body=orjson.dumps(body), **more)

    def _remember(self, method: str) -> Any:
        def called(url: URL, **kwargs: Any) -> None:
            data = kwargs["data"]
            body = None if data is None else orjson.loads(data)
            self.sent.append(Sent(method, url, dict(kwargs["headers"]), body))

        return called


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def calcom() -> Iterator[Calcom]:
    with aioresponses() as mocked:
        yield Calcom(mocked)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def client(session: aiohttp.ClientSession, clock: Clock) -> Client:
    return Client(
        Transport(
            session,
            organization="acme",
            api_url=API,
            api_key=KEY,
            budget=Budget(120),
            clock=clock,
            timeout=5,
        ),
        ORGANIZATION,
    )


def org_row(number: int, *, email: str | None = None, team: int = ORGANIZATION, **more: Any) -> Any:
    """Return a row of the organization's memberships. The user id is 100 + number."""
    return {
        "id": number,
        "userId": 100 + number,
        "teamId": team,
        "accepted": True,
        "role": "MEMBER",
        "disableImpersonation": False,
        "user": {
            "username": f"p{number}",
            "email": email or f"p{number}@acme.example",
            "avatarUrl": None,
            "name": None,
            "bio": None,
        },
        "attributes": [],
        **more,
    }


def user_row(number: int, email: str) -> Any:
    return {
        "id": number,
        "username": "ada",
        "name": None,
        "email": email,
        "timeZone": "Europe/London",
        "weekStart": "Sunday",
        "locale": "en",
        "hideBranding": False,
        "createdDate": "2026-03-11T10:00:00.000Z",
        "profile": {"id": 1, "organizationId": ORGANIZATION, "userId": number},
    }


def label(one: Any) -> str | None:
    """Return the part of a test name for a parameter."""
    return str(one)[:40] if isinstance(one, str | int) else None


@pytest.fixture
def reader(client) -> Reader:
    return Reader(client)


class Diary:
    """Records the attempts, with the requests that had been sent by then."""

    def __init__(self, calcom) -> None:
        self.calcom = calcom
        self.rows: list[tuple] = []
        self.outcomes: list[CallResult] = []

    async def begin(self, action, request_id):
        self.rows.append(("begin", action.kind.value, request_id, len(self.calcom.sent)))
        return 17

    async def confirm(self):
        """Allow every further call."""

    async def finish(self, action_id, outcome):
        self.rows.append(("finish", action_id, outcome.outcome.value, len(self.calcom.sent)))
        self.outcomes.append(outcome)


@pytest.fixture
def diary(calcom) -> Diary:
    return Diary(calcom)


@pytest.fixture
def writer(client, diary) -> Writer:
    return Writer(client, diary)
