"""Changes on their way into the database: together, one transaction after the other, none of them twice or half."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from calscim import admin
from calscim.directory import resources, writes
from calscim.directory.resources import UserState
from calscim.directory.writes import Written
from calscim.errors import StoreUnavailable
from calscim.journal import chain
from calscim.journal.append import Origin
from calscim.postgres import connection_loans
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from tests.support.acme import EDITOR
from tests.support.waiting import until


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

    async def queued(self) -> None:
        """Those that were asked for have taken their place in the queue: each of their tasks had its first step."""
        await asyncio.sleep(0)

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


def transactions(told: list[str]) -> list[str]:
    """Without what asyncpg asks for itself."""
    words = ("BEGIN", "COMMIT", "ROLLBACK", "SELECT 1")
    known = {sql("changes.apply"): "changes"}
    return [known.get(one, one) for one in told if one in known or one.startswith(words)]


async def test_where_others_wait_a_commit_begins_the_next_transaction(pushes):
    async with pushes.held():
        others = [pushes.create(name) for name in ("second", "third")]
        await pushes.queued()

    assert [written.status for written in await asyncio.gather(*others)] == [201, 201]
    assert await pushes.names() == ["first", "second", "third"]
    assert transactions(pushes.told) == [
        "BEGIN",
        *("changes", "COMMIT AND CHAIN"),
        *("changes", "COMMIT AND CHAIN"),
        "ROLLBACK",  # nobody came
    ]


async def test_who_comes_soon_after_others_had_to_wait_finds_a_transaction_begun(
    pushes, monkeypatch
):
    monkeypatch.setattr(writes, "CHAIN_WAIT", 60.0)
    async with pushes.held():
        second = pushes.create("second")
        await pushes.queued()
    await second
    await pushes.create("third")

    assert transactions(pushes.told) == ["BEGIN", *("changes", "COMMIT AND CHAIN") * 3]


async def test_a_lone_change_keeps_no_connection_longer_than_it_takes(pushes, monkeypatch):
    monkeypatch.setattr(writes, "CHAIN_WAIT", 60.0)

    await pushes.create("first")

    assert await pushes.names() == ["first"], "with the only connection"
    assert transactions(pushes.told) == ["BEGIN", "changes", "COMMIT"]


async def test_who_waits_for_a_connection_has_it_before_the_next_changes(pushes):
    async with pushes.held():
        reader = asyncio.create_task(pushes.db.fetchval("SELECT 1"))
        second = pushes.create("second")
        await pushes.queued()

    assert await reader == 1
    await second
    assert transactions(pushes.told) == [
        *("BEGIN", "changes", "COMMIT"),
        *("SELECT 1",),
        *("BEGIN", "changes", "COMMIT"),
    ]


async def test_a_transaction_that_was_begun_for_nothing_is_ended(pushes):
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async with pushes.held():
        second = pushes.create("second")
        await pushes.queued()
        second.cancel()

    assert await pushes.names() == ["first"]
    assert transactions(pushes.told) == ["BEGIN", "changes", "COMMIT AND CHAIN", "ROLLBACK"]
    assert not told, "the pool found a transaction that was left open"


async def test_each_transaction_has_the_whole_time_to_itself(pushes, monkeypatch):
    renew, renewed = connection_loans.Loan.renew, []
    monkeypatch.setattr(
        connection_loans.Loan, "renew", lambda loan: renewed.append(loan) or renew(loan)
    )

    async with pushes.held():
        second = pushes.create("second")
        await pushes.queued()
    await second

    assert [loan is renewed[0] for loan in renewed] == [True, True, True]


async def test_what_was_never_committed_needs_no_looking_for(pushes, monkeypatch):
    monkeypatch.setattr(writes, "CHAIN_WAIT", 60.0)
    async with pushes.held():
        second = pushes.create("second")
        await pushes.queued()
    await second  # its connection waits for the next

    async with pushes.owner.transaction():
        await pushes.owner.fetchval("SELECT calscim.lock_head($1)", pushes.directory)
        third = pushes.create("third")
        await until(pushes.waits)
        await pushes.owner.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with pytest.raises(StoreUnavailable) as lost:
            await third

    assert type(lost.value) is StoreUnavailable
    assert await pushes.names() == ["first", "second"]


async def test_a_change_that_is_a_mistake_does_not_take_the_others_with_it(pushes):
    number = uuid.uuid4()
    await pushes.create("there", number)
    async with pushes.held():
        good, bad, last = pushes.create("good"), pushes.create("bad", number), pushes.create("last")
        await pushes.queued()

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
        await pushes.queued()

    assert [(one.status, one.seq) for one in (await made, await again, await third)] == [
        (201, 2),
        (409, None),
        (201, 3),
    ]
    assert await pushes.db.fetchrow(
        "SELECT seq, user_count, group_count, deleted_user_count FROM calscim.journal_heads WHERE stream = $1",
        okta.id,
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
        await pushes.queued()

    written = await asyncio.gather(*others)

    assert [one.status for one in written] == [201, 401, 401, 201]
    assert await pushes.names() == ["first", "0", "3"]
