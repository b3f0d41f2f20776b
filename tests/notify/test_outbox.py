"""The outbox: queued once, delivered at least once, resolved only where it was told."""

from datetime import UTC, datetime, timedelta

import pytest

from calscim.admin.notifications import channel_status
from calscim.notify import outbox
from calscim.notify.events import Condition, Event
from calscim.notify.outbox import SHARED, Subscription

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Subscription("on-call", frozenset(Event), remind=None, delays={})


def hold(key: str = "acme:h1", **changes) -> Condition:
    return Condition(
        Event.HOLD, key, NOW, "3 changes are held", ("calscim approve h1",), "acme", **changes
    )


async def look(db, *conditions, subscription=ALL, scope=SHARED, now=NOW):
    assert await outbox.observe(db, subscription, scope, conditions, now)


async def queued(db, channel="on-call"):
    return await outbox.claim(db, channel, 100)


async def deliver_all(db):
    messages = await queued(db)
    await outbox.delivered(db, [one.id for one in messages])
    return messages


async def test_a_condition_is_one_message_however_often_it_is_seen(db):
    await look(db, hold())
    await look(db, hold())

    (message,) = await queued(db)

    assert message.type == "hold.created"
    assert message.payload["summary"] == "3 changes are held"
    assert message.payload["organization"] == "acme"
    assert message.then == ("calscim approve h1",)


async def test_a_claimed_message_is_left_alone_and_comes_again_with_its_id_when_nobody_noted_the_delivery(
    db,
):
    await look(db, hold())
    (first,) = await queued(db)

    assert await queued(db) == []

    await db.execute("UPDATE calscim.notifications SET claimed_until = clock_timestamp()")
    (second,) = await queued(db)
    assert second.id == first.id


async def test_the_end_is_told_where_the_beginning_was(db):
    await look(db, hold(data={"hash": "h1"}))
    (opened,) = await deliver_all(db)

    await look(db)

    (resolved,) = await queued(db)
    assert resolved.type == "hold.resolved"
    assert resolved.payload["hash"] == "h1"
    assert resolved.payload["opened"] == str(opened.id)
    assert resolved.then == ()


async def test_nothing_is_told_of_what_ended_before_the_channel_took_the_first_message(db):
    await look(db, hold())

    await look(db)

    assert await queued(db) == []
    (standing,) = await channel_status(db, ["on-call"])
    assert (standing.waiting, standing.given_up) == (0, 0)


async def test_the_end_waits_for_a_delivery_that_is_under_way(db):
    await look(db, hold())
    (opened,) = await queued(db)

    await look(db)
    await outbox.delivered(db, [opened.id])
    await look(db)

    assert [one.type for one in await queued(db)] == ["hold.resolved"]


async def test_an_event_without_an_end_is_forgotten_in_silence(db):
    await look(db, Condition(Event.TOKEN_EXPIRING, "7", NOW, "Token 7 expires"))
    await deliver_all(db)

    await look(db)

    assert await queued(db) == []


async def test_the_same_condition_is_told_again_after_it_ended(db):
    for _ in range(2):
        await look(db, hold())
        await look(db)
        await look(db, hold())
        await deliver_all(db)
        await look(db)

    assert [one.type for one in await queued(db)] == ["hold.resolved"]


async def test_a_condition_that_lasts_is_told_again_after_the_reminder_interval(db):
    reminded = Subscription("on-call", frozenset(Event), remind=3600.0, delays={})
    await look(db, hold(), subscription=reminded)
    await deliver_all(db)
    await look(db, hold(), subscription=reminded)
    assert await queued(db) == []

    await db.execute(
        "UPDATE calscim.conditions SET notified_at = clock_timestamp() - interval '2 hours'"
    )
    await look(db, hold(), subscription=reminded)

    (message,) = await queued(db)
    assert message.type == "hold.created"
    assert message.payload["reminder"] is True


async def test_a_reminder_waits_until_the_first_message_was_delivered(db):
    reminded = Subscription("on-call", frozenset(Event), remind=0.0, delays={})
    await look(db, hold(), subscription=reminded)
    await look(db, hold(), subscription=reminded)

    assert len(await queued(db)) == 1


async def test_a_condition_is_told_when_it_has_lasted_as_long_as_the_channel_asks(db):
    patient = Subscription("on-call", frozenset(Event), None, {Event.HOLD: 120.0})

    await look(db, hold(), subscription=patient, now=NOW + timedelta(seconds=119))
    assert await queued(db) == []
    await look(db, hold(), subscription=patient, now=NOW + timedelta(seconds=120))
    assert len(await queued(db)) == 1


async def test_a_channel_gets_only_the_events_that_it_subscribes_to(db):
    only = Subscription("on-call", frozenset({Event.KEY_REFUSED}), None, {})

    await look(db, hold(), subscription=only)

    assert await queued(db) == []


async def test_an_event_that_is_no_longer_subscribed_to_ends(db):
    await look(db, hold())
    await deliver_all(db)

    await look(
        db, hold(), subscription=Subscription("on-call", frozenset({Event.KEY_REFUSED}), None, {})
    )

    assert [one.type for one in await queued(db)] == ["hold.resolved"]


async def test_what_one_daemon_alone_sees_is_not_ended_by_another(db):
    certificate = Condition(Event.CHECKPOINT_REFUSED, "url", NOW, "The sink refused")
    await look(db, certificate, scope="host a")
    await deliver_all(db)

    await look(db, scope="host b")
    assert await queued(db) == []

    await look(db, scope="host a")
    assert [one.type for one in await queued(db)] == ["checkpoint.accepted"]


async def test_what_happened_once_is_told_once(db):
    broken = Condition(Event.JOURNAL_BROKEN, "okta:7", NOW, "Row 7 is another")
    await outbox.report_once(db, ALL, broken)
    await outbox.report_once(db, ALL, broken)
    await look(db)

    assert [one.type for one in await queued(db)] == ["journal.broken"]


async def test_only_one_daemon_at_a_time_compares(db):
    async with db.connection() as other, other.transaction():
        await other.fetchval(outbox.sql("notify.lock_channel"), "on-call", SHARED)

        assert not await outbox.observe(db, ALL, SHARED, [hold()], NOW)

    assert await queued(db) == []


@pytest.mark.parametrize(("attempts", "wait"), [(1, 10), (2, 20), (4, 80), (20, 3600)])
async def test_a_failed_message_waits_longer_each_time(db, attempts, wait):
    await look(db, hold())
    (message,) = await queued(db)
    await db.execute("UPDATE calscim.notifications SET attempts = $1", attempts)

    await outbox.failed(db, [message.id], "no answer", is_final=False)

    seconds = await db.fetchval(
        "SELECT extract(epoch FROM next_try - failed_at)::float8 FROM calscim.notifications"
    )
    assert seconds == pytest.approx(wait, abs=0.1)
    (standing,) = await channel_status(db, ["on-call"])
    assert (standing.waiting, standing.last_failure) == (1, "no answer")


async def test_a_message_that_the_receiver_refuses_is_given_up_and_counted(db):
    await look(db, hold())
    (message,) = await queued(db)

    await outbox.failed(db, [message.id], "the receiver answered 410", is_final=True)

    (standing,) = await channel_status(db, ["on-call"])
    assert (standing.waiting, standing.given_up) == (0, 1)


async def test_a_message_is_given_up_after_three_days(db):
    await look(db, hold())
    (message,) = await queued(db)
    await db.execute("UPDATE calscim.notifications SET created_at = now() - interval '73 hours'")

    await outbox.failed(db, [message.id], "no answer", is_final=False)

    (standing,) = await channel_status(db, ["on-call"])
    assert (standing.waiting, standing.given_up) == (0, 1)


async def test_messages_are_kept_for_thirty_days_and_as_long_as_their_condition_lasts(db):
    await look(db, hold("acme:old"), hold("acme:lasts"))
    await deliver_all(db)
    await look(db, hold("acme:lasts"))
    await deliver_all(db)
    await db.execute(
        "UPDATE calscim.notifications SET delivered_at = delivered_at - interval '31 days'"
    )

    await outbox.prune(db)

    assert await db.fetchval("SELECT count(*) FROM calscim.notifications") == 1
