"""Fixtures: a proxy in front of the session's Postgres, and the DSN of a test's database through the proxy."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Database
from tests.support.proxy import Proxy
from tests.support.server import Server, by_way_of


@pytest.fixture
async def proxy(postgres: Server) -> AsyncIterator[Proxy]:
    async with Proxy(postgres.address) as running:
        yield running


@pytest.fixture
def proxied(database: Database, proxy: Proxy) -> str:
    """The serving role's DSN, through the proxy."""
    return by_way_of(database.dsn, proxy.port)
