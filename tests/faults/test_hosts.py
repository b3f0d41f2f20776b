"""A DSN with several hosts: a dead host uses only a share of the time limit, and a host that accepts writes is found."""

import pytest

from calscim.errors import StoreUnavailable
from calscim.postgres.hosts import hosts
from calscim.postgres.pool import Database
from tests import conftest
from tests.support.proxy import Proxy
from tests.support.server import Server, by_way_of


def through(database: conftest.Database, *proxies: Proxy) -> str:
    """Return the serving role's DSN with these proxies as its hosts, in this order."""
    return by_way_of(database.dsn, *(proxy.port for proxy in proxies))


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://calscim@/calscim?host=/run/postgresql",
        "postgresql://calscim:p%2Cw@db.example:5433/calscim?sslmode=require",
        "postgresql://localhost/calscim",
    ],
)
def test_a_dsn_with_one_host_is_unchanged(dsn: str) -> None:
    assert hosts(dsn).dsns == [dsn]


def test_each_host_in_the_address_becomes_a_dsn() -> None:
    found = hosts("postgresql://u:p@one:1,[::1]:2,three/calscim?sslmode=require").dsns

    assert found == [
        "postgresql://u:p@one:1/calscim?sslmode=require&target_session_attrs=read-write",
        "postgresql://u:p@[::1]:2/calscim?sslmode=require&target_session_attrs=read-write",
        "postgresql://u:p@three/calscim?sslmode=require&target_session_attrs=read-write",
    ]


def test_hosts_in_the_options_become_dsns_with_their_ports() -> None:
    found = hosts("postgresql:///calscim?host=/a,/b&port=1,2&target_session_attrs=primary").dsns

    assert found == [
        "postgresql:///calscim?host=%2Fa&port=1&target_session_attrs=primary",
        "postgresql:///calscim?host=%2Fb&port=2&target_session_attrs=primary",
    ]


async def test_a_half_open_first_host_does_not_use_up_the_time_limit(
    database: conftest.Database, proxy: Proxy
) -> None:
    async with Proxy(proxy.upstream) as dead:
        dead.swallow()

        async with await Database.open(
            through(database, dead, proxy), patience=3, within=4
        ) as store:
            assert await store.fetchval("SELECT 1") == 1


async def test_the_host_that_worked_last_is_tried_first(
    database: conftest.Database, proxy: Proxy
) -> None:
    async with Proxy(proxy.upstream) as dead:
        await dead.refuse()
        way = hosts(through(database, dead, proxy))
        connection = await way.connect(timeout=2)
        await connection.close()

    assert str(proxy.port) in way.dsns[0]


async def test_the_database_is_unavailable_if_no_host_accepts_writes(
    database: conftest.Database, postgres: Server
) -> None:
    async with Proxy(postgres.address) as one, Proxy(postgres.address) as two:
        await two.refuse()
        async with await Database.open(through(database, one, two)) as store:
            assert await store.fetchval("SELECT 1") == 1
            async with await Database.open(database.owner_dsn) as owner:
                await owner.execute(
                    f"ALTER DATABASE {database.name} SET default_transaction_read_only = on"
                )

            one.drop()

            with pytest.raises(StoreUnavailable):
                await store.fetchval("SELECT 1")
                await store.fetchval("SELECT 1")
