"""A reader sees every committed change once and in order, while writers and other readers work."""

import asyncio
import json
import uuid

from calscim import admin
from calscim.directory import resources
from calscim.directory.resources import UserState
from calscim.journal.append import Origin
from calscim.journal.feed import read
from calscim.journal.feed.fill import fill
from calscim.postgres.pool import Database
from calscim.reconciler.state import restore_check
from tests.support.acme import EDITOR
from tests.support.feed import as_dict
from tests.support.waiting import until

WRITERS = 4
CHANGES = 60
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%event_head FOR UPDATE%'"


async def push(db, directory: str, writer: int, number: int) -> str:
    key, name = uuid.uuid4(), f"{writer}-{number}@acme.example"
    state = UserState(name, None, name, (name,), True, json.dumps({"userName": name}))
    await resources.create_user(db, Origin(directory, "r", body=b"{}"), key, state, "")
    return str(key)


async def test_four_writers_and_one_reader_lose_nothing_and_repeat_nothing(db, database):
    directories = [
        await admin.create_directory(
            db, EDITOR, organization="acme", name=f"Okta {number}", provider="okta-scim-v2"
        )
        for number in range(2)
    ]
    writing = asyncio.Event()
    made: dict[int, list[str]] = {number: [] for number in range(WRITERS)}

    async def write(writer: int) -> None:
        directory = directories[writer % 2].id
        async with await Database.open(database.dsn, size=1) as own:
            for number in range(CHANGES):
                made[writer].append(await push(own, directory, writer, number))

    async def follow() -> list[dict]:
        found, after = [], 0
        while True:
            is_last = writing.is_set()
            events = (await read.page(db, after, 7)).events
            found += [as_dict(event) for event in events]
            after = events[-1].seq if events else after
            if is_last and not events:
                return found

    reader, other = asyncio.create_task(follow()), asyncio.create_task(follow())
    await asyncio.gather(*(write(number) for number in range(WRITERS)))
    writing.set()
    found = await reader

    created = [event["data"]["user_id"] for event in found if event["type"] == "user.created"]
    assert sorted(created) == sorted(key for keys in made.values() for key in keys)
    assert [event["seq"] for event in found] == sorted({event["seq"] for event in found})
    for keys in made.values():  # each writer's changes are in the order of its commits
        assert [key for key in created if key in set(keys)] == keys
    assert await other == found


async def test_a_change_that_is_not_committed_holds_no_later_change_back(db, owner, acme):
    """A writer of another stream is in the middle of its transaction while the feed is read."""
    await read.page(db, 0, 100)
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(
        "SELECT calscim.append_row('@other', 'admin', 'r', '', 'test.late', 0, 'ada', NULL, 'X', '1', NULL, '{}')"
    )
    await push(db, acme.directory.id, 9, 1)

    before = (await read.page(db, 0, 100)).events[-1]
    await transaction.commit()
    (late,) = (await read.page(db, before.seq, 100)).events

    assert before.type == "user.created"
    assert (late.type, late.seq) == ("admin.test.late", before.seq + 1)


async def test_reading_waits_for_another_program_that_adds_events(db, owner, acme):
    await read.page(db, 0, 100)
    await push(db, acme.directory.id, 9, 1)
    async with owner.transaction():
        await owner.execute("SELECT FROM calscim.event_head FOR UPDATE")
        reading = asyncio.create_task(read.page(db, 0, 100))
        await until(lambda: db.fetchval(WAITS))
        assert not reading.done()

    assert (await reading).events[-1].type == "user.created"


async def test_many_rows_are_added_in_several_transactions(db, acme, monkeypatch):
    monkeypatch.setattr("calscim.journal.feed.fill.BATCH", 2)

    assert await fill(db)
    assert len((await read.page(db, 0, 100)).events) == 7


async def test_old_rows_give_no_events_and_old_events_are_deleted(db, owner, acme, age):
    await age("2020-09-10T10:00:00+00:00")
    await push(db, acme.directory.id, 9, 1)
    since = await owner.fetchval("SELECT now() - interval '90 days'")

    (event,) = (await read.page(db, 0, 100, since)).events
    assert event.type == "user.created"

    await owner.execute("UPDATE calscim.events SET at = at - interval '100 days'")
    await push(db, acme.directory.id, 9, 2)
    await read.page(db, 0, 100, since)
    await read.delete_old(db, 90 * 86400)
    page = await read.page(db, 0, 100, since)
    assert ([event.seq for event in page.events], page.deleted_seq) == ([2], 1)


async def test_the_position_grows_after_all_events_were_deleted(db, owner, acme):
    last = (await read.page(db, 0, 100)).events[-1].seq
    await read.delete_old(db, 0)
    await push(db, acme.directory.id, 9, 1)

    page = await read.page(db, last, 100)
    assert ([event.seq for event in page.events], page.deleted_seq) == ([last + 1], last)


async def test_positions_continue_far_above_those_of_before_a_restore(db, acme):
    """Consumers have seen positions that the restored database gives to other events."""
    last = (await read.page(db, 0, 100)).events[-1].seq

    await restore_check.pause_restored(db, EDITOR, "acme")

    (event,) = (await read.page(db, last, 100)).events
    assert event.type == "admin.directory.pause"
    assert event.seq > last + 1_000_000
