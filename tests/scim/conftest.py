"""The SCIM application over HTTP on loopback, with one directory and its token."""

import io
import json as jsonlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from calscim import admin
from calscim.clock import SystemClock
from calscim.config import Scim
from calscim.encryption import PLAIN
from calscim.postgres.pool import Database
from calscim.scim.admission import ADMISSION
from calscim.scim.body_memory import InFlight
from calscim.scim.metrics import Metrics
from calscim.scim.server import app
from tests.scim.searched_directory import ANN, BOB, CY, Searched, staged

EDITOR = admin.Editor(by="test", cipher=PLAIN)
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any


@dataclass
class Provider:
    """An identity provider, which sends requests with its token to its base URL."""

    session: aiohttp.ClientSession
    base: str
    token: str
    directory: admin.Directory
    db: Database
    application: web.Application | None = None

    @property
    def flight(self) -> InFlight:
        """Return the bytes of the requests that the application handles at the moment."""
        assert self.application is not None, "the fixture sets it"
        return self.application[ADMISSION].flight

    async def __call__(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        sent = {name: value for name, value in sent.items() if value != ""}
        data = raw if raw is not None else None if body is None else jsonlib.dumps(body).encode()
        stream = None if data is None else io.BytesIO(data)
        async with self.session.request(method, self.base + path, data=stream, headers=sent) as got:
            text = await got.read()
            shown = jsonlib.loads(text) if text else None
            return Answer(got.status, shown, got.headers)

    async def user(self, name: str, **more: Any) -> str:
        body = {"schemas": [USER], "userName": name, "emails": [{"value": name}], **more}
        answer = await self("POST", "/Users", body)
        assert answer.status == 201, answer
        return answer.body["id"]

    async def group(self, name: str, *members: str) -> str:
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": m} for m in members]}
        answer = await self("POST", "/Groups", body)
        assert answer.status == 201, answer
        return answer.body["id"]

    async def members(self, group: str) -> set[str]:
        answer = await self("GET", f"/Groups/{group}")
        return {member["value"] for member in answer.body.get("members", [])}

    async def journal(self) -> list[Any]:
        rows = await self.db.fetch(
            "SELECT * FROM calscim.journal WHERE stream = $1 ORDER BY seq", self.directory.id
        )
        return list(rows)


@pytest.fixture
async def provider(db: Database) -> AsyncIterator[Provider]:
    directory = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    _, token = await admin.create_token(db, EDITOR, directory, name="test")
    settings = Scim(public_url="https://scim.example.com", max_body_bytes=1024 * 1024)
    application = app(db, settings, SystemClock(), Metrics(CollectorRegistry()))
    server = TestServer(application)
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        base = str(server.make_url(f"/scim/v2/{directory.id}"))
        yield Provider(session, base, token, directory, db, application)
    await server.close()


@pytest.fixture
async def stage(db: Database) -> AsyncIterator[Searched]:
    async with staged(db) as stage:
        made = await stage.put_users([ANN, BOB, CY])
        await stage.put_groups({"Sales_%": made[:2], "sales": made[:1]}, externalId="g1")
        await stage.put_groups({"Empty": []})
        yield stage


PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def patch(*operations):
    return {"schemas": [PATCH], "Operations": list(operations)}
