"""LISTEN on a connection that dies: loudly, and without a word."""

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
    """Whom the listener woke, in order; it hears through the proxy."""
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
    """Announces a row of an organization's journal, past the proxy."""
    connection = await asyncpg.connect(database.owner_dsn)

    async def announce() -> None:
        await connection.execute("SELECT pg_notify($1, '@acme')", pg_listener.CHANNEL)

    yield announce
    await connection.close()


async def heard(woken: list[str], say: Say) -> None:
    """Say it again and again until it is heard once more."""
    before = len(woken)

    async def again() -> bool:
        await say()
        return len(woken) > before

    await until(again, 5)


async def test_what_is_announced_wakes_its_organization(woken: list[str], say: Say) -> None:
    await heard(woken, say)

    assert set(woken) == {"acme"}


async def test_a_listener_that_was_reset_listens_again(
    woken: list[str], say: Say, proxy: Proxy
) -> None:
    await heard(woken, say)

    proxy.drop()

    await until(lambda: proxy.accepted > 1)
    await heard(woken, say)


async def test_a_listener_that_died_silently_is_noticed_and_listens_again(
    woken: list[str], say: Say, proxy: Proxy
) -> None:
    await heard(woken, say)

    proxy.swallow_present()

    await until(lambda: proxy.accepted > 1)
    await heard(woken, say)


async def test_a_listener_survives_a_server_that_is_away_for_a_while(
    woken: list[str], say: Say, proxy: Proxy
) -> None:
    await heard(woken, say)

    await proxy.refuse()
    accepted = proxy.accepted
    proxy.swallow()
    await proxy.heal()

    await until(lambda: proxy.accepted > accepted)
    await heard(woken, say)


async def test_whose_directory_a_stream_is_is_asked_once(
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
