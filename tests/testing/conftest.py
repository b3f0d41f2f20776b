"""The simulated Cal.com over HTTP, called without calscim's client."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from calscim.testing.calcom.builds import BEFORE_2025_08_18, SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import Simulation, World, serve
from tests.calcom.contract import contract

ORG = "/v2/organizations/42"
# Responses that a real API v2 was recorded with and that its OpenAPI document does not have.
BESIDE_THE_DOCUMENT = {
    ("POST", "/v2/organizations/#/attributes", 409),
    ("GET", "/v2/organizations/#/nothing", 404),
}

OLDER = [SELF_HOSTED_2025_12, BEFORE_2025_08_18]
EXISTS = (409, "CONFLICT", "Invalid Input: Trying to create a record that already exists.")


@dataclass
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def data(self) -> Any:
        assert self.status < 300, self.body
        return self.body["data"]

    @property
    def error(self) -> tuple[int, str, str]:
        return self.status, self.body["error"]["code"], self.body["error"]["message"]


@dataclass
class Api:
    """Calls the simulation, and checks each answer against the facts of Cal.com's OpenAPI document."""

    session: aiohttp.ClientSession
    url: str
    key: str | None = "cal_sim"
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a text unchanged, and anything else as JSON."""
        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        sent = {"data": body} if isinstance(body, str) else {"json": body}
        async with self.session.request(
            method, self.url + path, headers=headers | self.headers, **sent
        ) as response:
            said = await response.json(content_type=None)
            if path.startswith("/v2/"):
                self._check_documented(method, path.partition("?")[0], response.status, said)
            return Answer(response.status, said, response.headers)

    @staticmethod
    def _check_documented(method: str, path: str, status: int, said: Any) -> None:
        kind = re.sub(r"/(?:\d+|attr-\d+|nope)", "/#", path)
        if (method, kind, status) not in BESIDE_THE_DOCUMENT:
            contract().check_answer(method, path, status, _as_documented(said))


def _as_documented(said: Any) -> Any:
    """Return a response as documented: an invalid NUMBER was recorded as null, which the document does not allow."""
    if isinstance(said, list):
        return [_as_documented(one) for one in said]
    if not isinstance(said, dict):
        return said
    shown = {key: _as_documented(value) for key, value in said.items()}
    if shown.get("type") == "number" and shown.get("option") is None:
        shown["option"] = 0
    return shown


@pytest.fixture
def world() -> World:
    world = World()
    world.add_person("owner@acme.example", name="Olive Owner", role="OWNER")
    world.add_person("ada@acme.example", name="Ada")
    world.add_team("Sales")
    return world


@pytest.fixture
def simulation(world: World) -> Simulation:
    return Simulation(world)


@pytest.fixture
async def api(world: World, simulation: Simulation) -> AsyncIterator[Api]:
    async with (
        serve(world, simulation=simulation) as url,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as session,
    ):
        yield Api(session, url)


@pytest.fixture
def sales(world) -> str:
    return f"{ORG}/teams/{world.team_id('Sales')}/memberships"


def membership(world, email: str) -> str:
    found = world.find(world.user_id(email), world.organization_id)
    return f"{ORG}/memberships/{found.id}"
