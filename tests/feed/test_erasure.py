"""An erased person is gone from the change feed too, whether it was read before the erasure or only afterwards."""

import asyncio

import pytest

from calscim import admin
from calscim.journal.archive import export
from calscim.journal.erasure import erase
from calscim.journal.erasure.tables import Tables
from calscim.journal.feed import read
from tests.support.acme import ANN, BOB, EDITOR, OLD, everything
from tests.support.feed import all_events
from tests.support.waiting import until

WAITS = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'calscim.event_head'::regclass"
)


async def test_the_feed_keeps_its_events_without_the_person(db, owning, left, okta):
    await admin.create_token(db, EDITOR, okta, name=f"for {ANN}")
    before = await all_events(db)
    assert ANN in await everything(owning)

    found = await erase.erase(owning, EDITOR, ANN)

    after = await all_events(db)
    text = await everything(owning)
    for gone in (ANN, OLD, "00uann"):
        assert gone not in text
    assert BOB in text
    assert [(event["seq"], event["id"], event["type"]) for event in after[: len(before)]] == [
        (event["seq"], event["id"], event["type"]) for event in before
    ]
    assert [event["type"] for event in after[len(before) :]] == [
        "membership.removed",
        "user.deleted",
        "admin.person.erase",
    ]
    assert after[-2]["data"]["user_name"] == found.name
    assert after[-1]["data"]["details"]["name"] == found.name
    theirs = [event for event in before if event["data"].get("user_id") == str(left.ann)]
    assert len(theirs) == 5
    assert all(after[event["seq"] - 1]["data"]["erased"] for event in theirs)


async def test_a_feed_that_is_read_after_the_erasure_has_no_name(db, owning, left):
    await erase.erase(owning, EDITOR, ANN)

    events = await all_events(db)

    text = await everything(owning)
    assert ANN not in text
    assert OLD not in text
    theirs = [event["type"] for event in events if event["data"].get("user_id") == str(left.ann)]
    assert theirs == [
        "user.created",
        "membership.added",
        "user.updated",
        "user.updated",
        "membership.removed",
        "user.deleted",
    ]


@pytest.mark.parametrize("in_use", [True, False])
async def test_a_reader_waits_while_a_person_is_erased(db, owning, left, monkeypatch, in_use):
    """Otherwise it could add events of rows that the erasure is about to change."""
    if in_use:
        await all_events(db)
    reading: list[asyncio.Task] = []
    redact = Tables.redact_texts

    async def read_meanwhile(tables: Tables) -> dict[str, int]:
        await left.put(left.bob, BOB, title="New")
        reading.append(asyncio.create_task(read.page(db, 0, 100)))
        await until(lambda: owning.fetchval(WAITS))
        return await redact(tables)

    monkeypatch.setattr(Tables, "redact_texts", read_meanwhile)

    await erase.erase(owning, EDITOR, ANN)

    assert "user.updated" in [event.type for event in (await reading[0]).events]
    assert ANN not in await everything(owning)


async def test_events_stay_when_their_month_is_archived(db, owning, acme, age, tmp_path):
    await age("2020-03-15T12:00:00+00:00")
    await read.page(db, 0, 1)  # the feed is in use
    await acme.put(acme.bob, BOB, title="Boss")
    await age("2020-04-15T12:00:00+00:00")
    before = await all_events(db)

    await export.archive(owning, EDITOR, "2020-03", tmp_path)

    after = await all_events(db)
    assert after[: len(before)] == before
    assert [event["type"] for event in after[len(before) :]] == ["admin.journal.archive"]


async def test_rows_that_no_reader_has_seen_become_events_before_they_are_archived(
    db, owning, acme, age, tmp_path
):
    await read.page(db, 0, 100)
    await acme.put(acme.bob, BOB, title="Boss")
    await age("2020-03-15T12:00:00+00:00")

    await export.archive(owning, EDITOR, "2020-03", tmp_path)

    events = await all_events(db)
    assert [event["type"] for event in events[-2:]] == ["user.updated", "admin.journal.archive"]


async def test_a_feed_that_begins_after_an_archived_month_knows_the_state_before(
    db, owning, acme, age, tmp_path
):
    await age("2020-03-15T12:00:00+00:00")
    await export.archive(owning, EDITOR, "2020-03", tmp_path)
    await acme.put(acme.bob, BOB, active=False, title="Former")

    events = await all_events(db)

    assert [event["type"] for event in events] == ["admin.journal.archive", "user.deactivated"]
    assert events[1]["data"]["changed"] == ["title"]
