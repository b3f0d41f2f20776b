"""Directories share a pool's connections: each waits for its own, and none has more than half while others wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextvars import copy_context
from typing import Any

import asyncpg
import pytest

from calscim.errors import StoreUnavailable
from calscim.postgres import pool
from calscim.postgres.fair_shares import BORROWER, PRESENT, Places, Present
from calscim.postgres.outages import Crowded
from calscim.postgres.pool import Database
from tests.support.waiting import until


def started(borrower: str, work: Awaitable[Any]) -> "asyncio.Task[Any]":
    """A task that works for a directory."""
    context = copy_context()
    context.run(BORROWER.set, borrower)
    return asyncio.get_running_loop().create_task(work, context=context)  # type: ignore[arg-type]


async def test_one_alone_has_all_places() -> None:
    places = Places(4)

    for _ in range(4):
        await places.take("a", 1)

    assert places.taken == 4


async def test_places_that_come_free_go_to_whom_has_fewest() -> None:
    places, order = Places(4), []
    for _ in range(4):
        await places.take("a", 1)

    async def take(name: str) -> None:
        await places.take(name, 10)
        order.append(name)

    tasks = [asyncio.create_task(take(name)) for name in ("a", "a", "b", "b", "b", "c")]
    await asyncio.sleep(0)
    for _ in range(4):
        places.give_back("a")
    await until(lambda: len(order) == 4)

    assert order == ["b", "c", "a", "b"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_with_half_waits_while_another_waits() -> None:
    places = Places(4)
    await places.take("b", 1)
    await places.take("b", 1)
    waiting = [asyncio.create_task(places.take("a", 10)) for _ in range(3)]
    await until(lambda: places.awaited)
    other = asyncio.create_task(places.take("b", 10))
    await asyncio.sleep(0)

    assert [task.done() for task in waiting] == [True, True, False]
    places.give_back("b")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert other.done()
    assert not waiting[2].done()
    waiting[2].cancel()


async def test_who_waited_in_vain_leaves_nothing_behind() -> None:
    places = Places(1)
    await places.take("a", 1)

    with pytest.raises(TimeoutError):
        await places.take("b", 0.001)
    task = asyncio.create_task(places.take("c", 10))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert not places.awaited
    places.give_back("a")
    assert places.taken == 0


async def test_a_place_given_to_a_cancelled_request_goes_to_the_next() -> None:
    places = Places(1)
    await places.take("a", 1)
    first = asyncio.create_task(places.take("b", 10))
    second = asyncio.create_task(places.take("c", 10))
    await asyncio.sleep(0)

    places.give_back("a")
    first.cancel()
    await second

    assert places.taken == 1


def test_a_directory_is_alone_until_another_comes_and_again_after_a_minute() -> None:
    present = Present()
    present.note("a", 100)
    assert present.is_alone("a", 101)
    assert not present.is_alone("b", 101)

    present.note("b", 110)
    present.note("", 111)
    present.note("a", 120)

    assert not present.is_alone("a", 121)
    assert present.is_alone("a", 110 + PRESENT + 1)
    assert not present.is_alone("b", 110 + PRESENT + 1)


# ------------------------------------------------------------------ in a pool


@pytest.fixture
async def four(database: Any) -> AsyncIterator[Database]:
    async with await Database.open(database.dsn, size=4, patience=5, within=5) as opened:
        yield opened


async def slow(db: Database, seconds: float) -> None:
    async with db.searching() as searching:
        await searching.fetchval("SELECT pg_sleep($1)", seconds)


async def test_slow_searches_leave_connections_to_others(four: Database) -> None:
    await started("b", four.fetchval("SELECT 1"))
    searches = [started("a", slow(four, 1)) for _ in range(8)]
    await until(lambda: four._pool.places.taken == 2)

    assert await started("b", four.fetchval("SELECT 1")) == 1

    assert four._pool.searches.taken == 2
    assert not any(task.done() for task in searches)
    for task in searches:
        task.cancel()
    await asyncio.gather(*searches, return_exceptions=True)


async def test_a_directory_alone_leaves_one_connection_to_whom_may_come(four: Database) -> None:
    searches = [started("a", slow(four, 1)) for _ in range(8)]
    await until(lambda: four._pool.places.taken == 3)

    assert await started("b", four.fetchval("SELECT 1")) == 1

    for task in searches:
        task.cancel()
    await asyncio.gather(*searches, return_exceptions=True)


async def test_a_search_that_takes_too_long_is_ended_by_the_server_and_says_what_to_do(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SEARCH", 0.2)
    async with await Database.open(database.dsn, size=2, within=0.1, longest=0.2) as db:
        with pytest.raises(Crowded, match="narrow it") as ended:
            await started("a", slow(db, 30))

        assert isinstance(ended.value.__cause__.__cause__, asyncpg.QueryCanceledError)  # type: ignore[union-attr]
        assert db._pool.searches.taken == 0
        assert db._pool.places.taken == 0


async def test_a_search_behind_a_pooler_that_keeps_no_time_is_cut(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SEARCH", 0.1)
    monkeypatch.setattr(pool, "_ENDING", 0.05)
    async with await Database.open(database.dsn, size=2) as db:
        with pytest.raises(Crowded, match="narrow it"):
            await started("a", slow(db, 30))


async def test_one_that_is_over_its_share_is_told_so_and_one_that_is_not_is_told_of_the_database(
    database: Any,
) -> None:
    async with await Database.open(database.dsn, size=2, patience=0.05) as db:
        await started("b", db.fetchval("SELECT 1"))
        async with db.connection(), db.connection():
            with pytest.raises(StoreUnavailable) as unavailable:
                await started("b", db.fetchval("SELECT 1"))
        assert not isinstance(unavailable.value, Crowded)

        async def hold() -> None:
            async with db.connection(), db.connection():
                await started("a", db.fetchval("SELECT 1"))

        with pytest.raises(Crowded, match="send fewer requests at once"):
            await started("a", hold())


async def test_the_daemons_requests_have_the_time_limit_of_searches(database: Any) -> None:
    async with await Database.open(database.dsn, size=1, within=1.1, longest=pool.SEARCH) as db:
        assert await db.fetchval("SELECT current_setting('statement_timeout')") == "2s"
