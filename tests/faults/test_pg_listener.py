"""LISTEN on a connection that is reset or becomes half-open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from calscim.app import pg_listener
from calscim.clock import SystemClock
from calscim.postgres.pool import Database
from tests import conftest
from tests.support.proxy import Proxy
from tests.support.waiting import until

Say = Callable[[], Awaitable[None]]


@pytest.fixture
async def woken(
    proxied: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[str]]:
    """The organizations that the listener woke, in order. The listener connects through the proxy."""
    monkeypatch.setattr(pg_listener, "KEEPALIVE", 0.2)
    monkeypatch.setattr(pg_listener, "TIMEOUT", 0.3)
    heard: list[str] = []
    async with await Database.open(proxied, size=1, within=1.0) as store:
        listening = asyncio.create_task(
            pg_listener.listen(proxied, store, SystemClock(), heard.append)
        )
        await until(lambda: proxy.connections)
        yield heard
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


@pytest.fixture
async def say(database: conftest.Database) -> AsyncIterator[Say]:
    """Return a function that sends a notification about a journal row of acme, not through the proxy."""
    connection = await asyncpg.connect(database.owner_dsn)

    async def announce() -> None:
        await connection.execute("SELECT pg_notify($1, '@acme')", pg_listener.CHANNEL)

    yield announce
    await connection.close()


async def heard(woken: list[str], say: Say) -> None:
    """Send notifications until the listener receives one more."""
    before = len(woken)

    async def again() -> bool:
        await say()
        return len(woken) > before

    await until(again)


async def test_a_notification_wakes_its_organization(woken: list[str], say: Say) -> None:
    await heard(woken, say)

    assert set(woken) == {"acme"}


async def test_the_listener_reconnects_after_a_reset(
    woken: list[str], say: Say, proxy: Proxy
) -> None:
    await heard(woken, say)

    proxy.drop()

    await until(lambda: proxy.accepted > 1)
    await heard(woken, say)


async def test_the_listener_notices_a_half_open_connection_and_reconnects(
    woken: list[str], say: Say, proxy: Proxy
) -> None:
    await heard(woken, say)

    proxy.swallow_present()

    await until(lambda: proxy.accepted > 1)
    await heard(woken, say)


async def test_the_listener_reconnects_after_an_outage_of_the_server(
    woken: list[str], say: Say, proxy: Proxy
) -> None:
    await heard(woken, say)

    await proxy.refuse()
    accepted = proxy.accepted
    proxy.swallow()
    await proxy.heal()

    await until(lambda: proxy.accepted > accepted)
    await heard(woken, say)


async def test_the_organization_of_a_stream_is_looked_up_once(
    woken: list[str], owner: asyncpg.Connection, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetchval, asked = Database.fetchval, []

    async def counted(db: Database, query: str, *arguments: object) -> object:
        asked.append(*arguments)
        return await fetchval(db, query, *arguments)

    monkeypatch.setattr(Database, "fetchval", counted)
    stream = "d" * 24
    await owner.execute(
        "INSERT INTO calscim.directories (id, organization, name, provider) "
        "VALUES ($1, 'beta', 'Okta', 'okta-scim-v2')",
        stream,
    )
    await heard(woken, say)
    for one in ("gone", "gone", stream, stream, stream):
        await owner.execute("SELECT pg_notify($1, $2)", pg_listener.CHANNEL, one)
    await until(lambda: woken.count("beta") == 3)

    assert asked == ["gone", stream]
