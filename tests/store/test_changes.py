"""Changes on their way into the database: together, one transaction after the other, none of them twice or half."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from calscim.errors import StoreUnavailable
from calscim.store import admin, chain, changes, pool, resources
from calscim.store.changes import Written
from calscim.store.journal import Origin
from calscim.store.pool import ConnectionLost, Database
from calscim.store.resources import UserState
from calscim.store.sql import sql
from tests.faults.waiting import until
from tests.store.acme import EDITOR


class Pushes:
    """Creates in one directory. While its head is ``held`` nothing is made, and what comes meanwhile goes together."""

    def __init__(self, db: Database, directory: str, owner: asyncpg.Connection) -> None:
        self.db, self.directory, self.owner = db, directory, owner
        self.told: list[str] = []  # every statement of the pool's first connection

    async def listen(self) -> None:
        async with self.db.connection() as connection:
            connection.add_query_logger(lambda said: self.told.append(said.query))

    def create(
        self, name: str, number: uuid.UUID | None = None, token: int | None = None
    ) -> "asyncio.Task[Written]":
        state = UserState(name, None, name, (name,), True, f'{{"userName": "{name}"}}')
        origin = Origin(self.directory, f"r {name}", "POST", "/Users", token_id=token, body=b"{}")
        return asyncio.create_task(
            resources.create_user(self.db, origin, number or uuid.uuid4(), state, "")
        )

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """With a first change under way."""
        async with self.owner.transaction():
            await self.owner.fetchval("SELECT calscim.lock_head($1)", self.directory)
            first = self.create("first")
            await until(self.waits)
            yield
        await first

    async def waits(self) -> bool:
        await self.owner.execute("SELECT pg_stat_clear_snapshot()")  # kept for a transaction
        return bool(
            await self.owner.fetchval(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )

    async def names(self) -> list[str]:
        rows = await self.db.fetch("SELECT user_name FROM calscim.users ORDER BY ordinal")
        return [row["user_name"] for row in rows]


@pytest.fixture
async def pushes(database, okta, owner) -> AsyncIterator[Pushes]:
    """With one connection."""
    async with await Database.open(database.dsn, size=1) as db:
        pushes = Pushes(db, okta.id, owner)
        await pushes.listen()
        yield pushes


def said(told: list[str]) -> list[str]:
    """Without what asyncpg asks for itself."""
    known = {sql("scim.changes"): "changes", sql("scim.time"): "time", "SELECT 1": "SELECT 1"}
    return [known[one] for one in told if one in known]


async def test_those_that_wait_follow_on_the_same_connection_in_one_statement(pushes):
    async with pushes.held():
        others = [pushes.create(name) for name in ("second", "third")]
        await asyncio.sleep(0)

    assert [written.status for written in await asyncio.gather(*others)] == [201, 201]
    assert said(pushes.told) == ["changes", "changes"]
    assert await pushes.names() == ["first", "second", "third"]


async def test_who_waits_for_a_connection_has_it_before_the_next_changes(pushes):
    async with pushes.held():
        reader = asyncio.create_task(pushes.db.fetchval("SELECT 1"))
        second = pushes.create("second")
        await asyncio.sleep(0)

    assert await reader == 1
    await second
    assert said(pushes.told) == ["changes", "SELECT 1", "changes"]


async def test_a_change_whose_caller_is_gone_before_its_turn_is_not_made(pushes):
    async with pushes.held():
        second = pushes.create("second")
        await asyncio.sleep(0)
        second.cancel()

    assert await pushes.names() == ["first"]


async def test_a_change_that_its_server_makes_too_late_is_undone(pushes, database, owner):
    async with await Database.open(database.dsn, size=1, within=0.3) as hurried:
        impatient = Pushes(hurried, pushes.directory, owner)
        async with owner.transaction():
            await owner.fetchval("SELECT calscim.lock_head($1)", pushes.directory)
            late = impatient.create("late")
            await until(pushes.waits)
            began = asyncio.get_running_loop().time()
            with pytest.raises(ConnectionLost) as lost:
                await late
            assert await pushes.waits(), "the server goes on with it"
        assert began < lost.value.until < began + 0.4
        await pushes.create("next")  # after it, at the head's lock

    assert await pushes.names() == ["next"]
    assert not (await chain.verify(pushes.db)).broken


async def seeming_late(owner: asyncpg.Connection, times: int) -> None:
    """As if the server's clock had been set forward, for so many statements of the test's database."""
    await owner.execute("CREATE SEQUENCE public.statements")  # which is not undone
    await owner.execute("GRANT USAGE ON SEQUENCE public.statements TO PUBLIC")
    await owner.execute(
        f"""CREATE OR REPLACE FUNCTION calscim.in_time(p_until timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('public.statements') <= {times} THEN
                    RAISE EXCEPTION 'late' USING ERRCODE = 'CS001';
                END IF;
                RETURN clock_timestamp();
            END $$"""
    )


async def test_a_server_whose_clock_was_set_is_asked_for_its_time_again(pushes, database, owner):
    async with await Database.open(database.dsn, size=1, within=30.0) as db:
        timed = Pushes(db, pushes.directory, owner)
        await timed.listen()
        for name in ("first", "second"):
            await timed.create(name)
        assert said(timed.told) == ["time", "changes", "changes"]

        await seeming_late(owner, 1)
        assert (await timed.create("third")).status == 201

        assert said(timed.told)[3:] == ["changes", "time", "changes"]
    assert await pushes.names() == ["first", "second", "third"]
    assert not (await chain.verify(pushes.db)).broken


async def test_a_server_that_finds_every_change_late_makes_none(pushes, owner):
    await seeming_late(owner, 2)

    with pytest.raises(StoreUnavailable, match="pg_stat_activity"):
        await pushes.create("first")

    assert await pushes.names() == []
    assert (await pushes.create("second")).status == 201


async def test_each_answer_says_the_time_as_well(pushes, database, owner, monkeypatch):
    now, passed = changes._time, []
    monkeypatch.setattr(changes, "_time", lambda: now() + sum(passed))
    async with await Database.open(database.dsn, size=1, within=1000.0) as db:
        timed = Pushes(db, pushes.directory, owner)
        await timed.listen()
        for name in ("first", "second", "third"):
            await timed.create(name)
            passed.append(changes.FRESH * 0.6)

    assert said(timed.told) == ["time", "changes", "changes", "changes"]


async def test_the_time_is_asked_again_when_it_is_an_old_one(pushes, database, owner, monkeypatch):
    monkeypatch.setattr(changes, "FRESH", -1.0)
    async with await Database.open(database.dsn, size=1, within=30.0) as db:
        timed = Pushes(db, pushes.directory, owner)
        await timed.listen()
        for name in ("first", "second"):
            await timed.create(name)

    assert said(timed.told) == ["time", "changes", "time", "changes"]


async def test_each_transaction_has_the_whole_time_to_itself(pushes, monkeypatch):
    renew, renewed = pool._Loan.renew, []
    monkeypatch.setattr(pool._Loan, "renew", lambda loan: renewed.append(loan) or renew(loan))

    async with pushes.held():
        second = pushes.create("second")
        await asyncio.sleep(0)
    await second

    assert [loan is renewed[0] for loan in renewed] == [True, True]


async def test_a_change_that_is_a_mistake_does_not_take_the_others_with_it(pushes):
    number = uuid.uuid4()
    await pushes.create("there", number)
    async with pushes.held():
        good, bad, last = pushes.create("good"), pushes.create("bad", number), pushes.create("last")
        await asyncio.sleep(0)

    assert (await good).status == 201
    with pytest.raises(asyncpg.UniqueViolationError):
        await bad
    assert (await last).status == 201
    assert await pushes.names() == ["there", "first", "good", "last"]
    assert not (await chain.verify(pushes.db)).broken


async def test_each_of_them_is_refused_or_made_by_itself_and_counted(pushes, okta):
    async with pushes.held():
        made, again = pushes.create("second"), pushes.create("SECOND")
        third = pushes.create("third")
        await asyncio.sleep(0)

    assert [(one.status, one.seq) for one in (await made, await again, await third)] == [
        (201, 2),
        (409, None),
        (201, 3),
    ]
    assert await pushes.db.fetchrow(
        "SELECT seq, users, groups, gone FROM calscim.heads WHERE stream = $1", okta.id
    ) == (3, 3, 0, 0)
    assert not (await chain.verify(pushes.db)).broken


async def test_each_of_them_is_judged_by_its_own_token(pushes, okta):
    tokens = {}
    for name in ("valid", "revoked"):
        token, _ = await admin.create_token(pushes.db, EDITOR, okta, name=name)
        tokens[name] = token.id
    await pushes.db.execute(
        "UPDATE calscim.tokens SET revoked_at = now() WHERE id = $1", tokens["revoked"]
    )
    async with pushes.held():
        order = ("valid", "revoked", "revoked", "valid")
        others = [
            pushes.create(f"{number}", token=tokens[name]) for number, name in enumerate(order)
        ]
        await asyncio.sleep(0)

    written = await asyncio.gather(*others)

    assert [one.status for one in written] == [201, 401, 401, 201]
    assert await pushes.names() == ["first", "0", "3"]
