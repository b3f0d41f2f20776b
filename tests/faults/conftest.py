"""A proxy in front of the session's Postgres, and the way to a test's database through it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Database, Server
from tests.faults.proxy import Proxy


@pytest.fixture
async def proxy(postgres: Server) -> AsyncIterator[Proxy]:
    async with Proxy(Path(postgres.host, ".s.PGSQL.5432")) as running:
        yield running


@pytest.fixture
def proxied(database: Database, proxy: Proxy) -> str:
    """The serving role's DSN, through the proxy."""
    path = database.dsn.removeprefix("postgresql://").partition("?")[0]
    role, _, name = path.partition("@/")
    return f"postgresql://{role}@127.0.0.1:{proxy.port}/{name}"
