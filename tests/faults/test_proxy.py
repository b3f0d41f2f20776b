"""Tests of the test proxy: each fault has exactly the effect that its name says."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conftest import Database
from tests.support.proxy import Proxy


@pytest.fixture
async def table(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A direct connection to a database with an empty table n."""
    direct = await asyncpg.connect(database.owner_dsn)
    await direct.execute("CREATE TABLE public.n (x int); GRANT ALL ON public.n TO PUBLIC")
    yield direct
    await direct.close()


async def test_bytes_pass_in_both_directions(proxied: str) -> None:
    connection = await asyncpg.connect(proxied, timeout=5)

    assert await connection.fetchval("SELECT repeat('x', 200000)") == "x" * 200000

    await connection.close()


async def test_a_refusing_proxy_resets_connections_and_refuses_new_ones(
    proxy: Proxy, proxied: str
) -> None:
    connection = await asyncpg.connect(proxied, timeout=5)

    await proxy.refuse()

    with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
        await connection.fetchval("SELECT 1", timeout=2)
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(proxied, timeout=2)
    connection.terminate()


async def test_a_swallowed_connection_stays_dead_after_the_proxy_is_healed(
    proxy: Proxy, proxied: str
) -> None:
    old = await asyncpg.connect(proxied, timeout=5)
    proxy.swallow()
    with pytest.raises(TimeoutError):
        await asyncpg.connect(proxied, timeout=0.2)

    await proxy.heal()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(old.fetchval("SELECT 1"), 0.2)
    old.terminate()
    new = await asyncpg.connect(proxied, timeout=5)
    assert await new.fetchval("SELECT 1") == 1
    await new.close()


async def test_a_statement_that_is_cut_after_its_end_is_executed(
    proxy: Proxy, proxied: str, table: asyncpg.Connection
) -> None:
    connection = await asyncpg.connect(proxied, timeout=5)
    sprung = proxy.cut_after(b"COMMIT")

    with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
        async with connection.transaction():
            await connection.execute("INSERT INTO public.n VALUES (1)")

    assert sprung.is_set()
    assert await table.fetchval("SELECT count(*) FROM public.n") == 1


async def test_a_statement_that_is_cut_before_it_arrives_is_not_executed(
    proxy: Proxy, proxied: str, table: asyncpg.Connection
) -> None:
    connection = await asyncpg.connect(proxied, timeout=5)
    sprung = proxy.cut_before(b"COMMIT")

    with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
        async with connection.transaction():
            await connection.execute("INSERT INTO public.n VALUES (1)")

    assert sprung.is_set()
    assert await table.fetchval("SELECT count(*) FROM public.n") == 0


async def test_a_connection_cut_within_its_first_bytes_never_opens(
    proxy: Proxy, proxied: str
) -> None:
    proxy.cut_at(20)

    with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
        await asyncpg.connect(proxied, timeout=2)


async def test_two_proxies_do_not_share_a_port(proxy: Proxy) -> None:
    async with Proxy(proxy.upstream) as other:
        assert other.port != proxy.port
