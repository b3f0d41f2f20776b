"""Fixtures: a proxy in front of the session's Postgres, a receiver of webhooks, and an HTTP client."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.conftest import Database
from tests.support.proxy import Proxy
from tests.support.receivers import Receiver, receiving
from tests.support.server import Server, by_way_of


@pytest.fixture
async def proxy(postgres: Server) -> AsyncIterator[Proxy]:
    async with Proxy(postgres.address) as running:
        yield running


@pytest.fixture
def proxied(database: Database, proxy: Proxy) -> str:
    """The serving role's DSN, through the proxy."""
    return by_way_of(database.dsn, proxy.port)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made
