"""Lending: what was given back a moment ago is lent again, unless something is wrong with it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from calscim.errors import StoreUnavailable
from calscim.postgres import connection_loans, pool
from calscim.postgres.pool import Database
from tests.support.waiting import until

WHO = "SELECT pg_backend_pid()"


@pytest.fixture
async def two(database) -> AsyncIterator[Database]:
    """With two connections."""
    async with await Database.open(database.dsn, size=2) as opened:
        yield opened


async def test_a_connection_is_lent_again(two):
    assert await two.fetchval(WHO) == await two.fetchval(WHO)


async def test_one_that_the_server_has_ended_meanwhile_is_not_lent(two, owner):
    first = await two.fetchval(WHO)
    async with two.connection() as connection:
        ended = connection._con  # the connection behind the pool's
    await owner.execute("SELECT pg_terminate_backend($1)", first)
    await until(ended.is_closed)

    assert await two.fetchval(WHO) != first


async def test_one_whose_transaction_was_left_open_is_seen_to_first(two):
    told = []

    async with two.connection() as connection:
        connection._loop.set_exception_handler(lambda _, context: told.append(context["message"]))
        await connection.execute("BEGIN")
        await connection.execute("CREATE TEMPORARY TABLE half (x int)")

    async with two.connection() as connection:
        assert not connection.is_in_transaction()
    assert "active transaction" in told[0]


async def test_one_whose_task_was_cancelled_before_its_statement_ran_begins_any_transaction(two):
    """asyncpg lets the server go on with the transaction of a statement that it has prepared."""
    with pytest.raises(asyncio.CancelledError):
        async with two.connection() as connection:
            first = connection.get_server_pid()
            await connection.prepare("SELECT count(*) FROM calscim.users")
            raise asyncio.CancelledError

    async with (
        two.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        assert await connection.fetchval(WHO) == first


async def refused(db: Database) -> None:
    """As by a standby: no later use of these connections would write."""
    with pytest.raises(StoreUnavailable):
        async with db.connection() as connection:
            await connection.execute("SET default_transaction_read_only = on")
            await connection.execute("UPDATE calscim.journal_heads SET seq = 1")


async def test_none_of_a_server_that_takes_no_writes_is_lent_again(two):
    async with two.connection() as one, two.connection() as another:
        old = {await one.fetchval(WHO), await another.fetchval(WHO)}

    await refused(two)

    async with two.connection() as one, two.connection() as another:
        assert not old & {await one.fetchval(WHO), await another.fetchval(WHO)}


async def test_not_even_one_that_was_lent_at_that_moment(two):
    async with two.connection() as connection:
        old = await connection.fetchval(WHO)
        await refused(two)

    async with two.connection() as one, two.connection() as another:
        assert old not in {await one.fetchval(WHO), await another.fetchval(WHO)}


async def test_after_a_while_they_are_the_pools_again(two, monkeypatch):
    monkeypatch.setattr(connection_loans, "_SPARE", 0)

    await two.fetchval(WHO)

    await until(lambda: not two._pool._spare)
    assert two._pool.pool.get_idle_size() == 1


async def test_closing_ends_those_that_were_given_back_and_those_that_are_lent(
    database, owner, monkeypatch
):
    monkeypatch.setattr(pool, "_GOODBYE", 60.0)
    two = await Database.open(database.dsn, size=2)
    await two.fetchval(WHO)

    async with two.connection():
        closing = asyncio.ensure_future(two.close())
        await until(lambda: two._pool._closing)

    async with asyncio.timeout(10):
        await closing
    count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'calscim' AND datname = current_database()"
    await until(lambda: owner.fetchval(f"SELECT ({count}) = 0"))
