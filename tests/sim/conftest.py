"""The simulated Cal.com behind HTTP, asked without calscim's own client."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from calscim.sim.calcom import Simulation, World, serve
from tests.calcom.contract import DOCUMENT, contract

ORG = "/v2/organizations/42"


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
    """Every answer is checked against Cal.com's OpenAPI document where it is at hand."""

    session: aiohttp.ClientSession
    url: str
    key: str | None = "cal_sim"

    async def __call__(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        async with self.session.request(
            method, self.url + path, json=body, headers=headers
        ) as response:
            said = await response.json(content_type=None)
            if DOCUMENT.exists() and path.startswith("/v2/"):
                contract().answer(method, path.partition("?")[0], response.status, said)
            return Answer(response.status, said, response.headers)


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
