"""The change feed reaches webhook channels: in order, each event at least once, with the ids of GET /v1/events."""

import asyncio

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from calscim import admin
from calscim.admin.notifications import channel_status
from calscim.clock import SystemClock
from calscim.journal.feed import read
from calscim.notify.channels.webhook import WebhookChannel
from calscim.notify.feed import FeedDelivery
from calscim.notify.notifications import Metrics
from tests.support.acme import BOB, EDITOR, OLD, Acme
from tests.support.feed import all_events, checked
from tests.support.receivers import SECRET, receiving
from tests.support.waiting import until


@pytest.fixture
async def receiver():
    async with receiving() as made:
        yield made


@pytest.fixture
async def acme(db):
    directory = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    return Acme(db, directory)


@pytest.fixture
async def channel(receiver):
    async with aiohttp.ClientSession() as session:
        yield WebhookChannel("hook", receiver.url, SECRET, session, SystemClock())


@pytest.fixture
def delivery(db, channel):
    return FeedDelivery(db, [channel], SystemClock(), None, Metrics(CollectorRegistry(), ["hook"]))


async def due(db) -> None:
    await db.execute("UPDATE calscim.event_deliveries SET next_try = now(), claimed_until = NULL")


async def test_a_new_channel_receives_what_happens_from_then_on(
    db, acme, delivery, channel, receiver
):
    await acme.push(acme.bob, BOB)
    await delivery.deliver(channel)
    assert receiver.requests == []

    await acme.push(acme.ann, OLD)
    await acme.push_group()
    await delivery.deliver(channel)

    events = await all_events(db)
    assert [name for name, _ in receiver.requests] == [event["id"] for event in events[2:]]
    for (_, body), event in zip(receiver.requests, events[2:], strict=True):
        assert checked(body) == event | {"timestamp": event["at"]}


async def test_a_receiver_that_refuses_gets_the_same_event_again_and_no_later_one(
    db, acme, delivery, channel, receiver
):
    await delivery.deliver(channel)
    await acme.happen()
    receiver.status = 400
    await delivery.deliver(channel)
    await delivery.deliver(channel)  # not due yet
    assert len(receiver.requests) == 1
    (status,) = await channel_status(db, ["hook"])
    assert (status.waiting, status.is_failing) == (6, True)
    assert "answered 400" in status.last_failure

    await due(db)
    receiver.status = 204
    await delivery.deliver(channel)

    names = [name for name, _ in receiver.requests]
    assert names[0] == names[1]
    assert names[1:] == [event["id"] for event in (await all_events(db))[1:]]
    (status,) = await channel_status(db, ["hook"])
    assert (status.waiting, status.is_failing, status.given_up) == (0, False, 0)


async def test_after_three_days_the_event_is_given_up(db, acme, delivery, channel, receiver):
    await delivery.deliver(channel)
    await acme.happen()
    receiver.status = 500
    await delivery.deliver(channel)
    await db.execute(
        "UPDATE calscim.event_deliveries SET failing_since = now() - interval '4 days'"
    )
    await due(db)
    await delivery.deliver(channel)
    await due(db)
    receiver.status = 204
    await delivery.deliver(channel)

    names = [name for name, _ in receiver.requests]
    assert names[0] == names[1]
    assert len(names[2:]) == 5
    assert names[0] not in names[2:]
    (status,) = await channel_status(db, ["hook"])
    assert (status.waiting, status.given_up) == (0, 1)


async def test_one_daemon_at_a_time_delivers_to_a_channel(db, acme, delivery, channel, receiver):
    await delivery.deliver(channel)
    await acme.happen()
    await db.execute(
        "UPDATE calscim.event_deliveries SET claimed_until = now() + interval '1 minute'"
    )
    await delivery.deliver(channel)
    assert receiver.requests == []

    await due(db)
    await delivery.deliver(channel)
    assert len(receiver.requests) == 6


async def test_a_daemon_that_was_frozen_does_not_move_the_position_back(
    db, acme, delivery, channel, receiver, monkeypatch
):
    await delivery.deliver(channel)
    await acme.happen()
    post = WebhookChannel.post

    async def overtaken(self, identity, body):
        await post(self, identity, body)
        await db.execute("UPDATE calscim.event_deliveries SET seq = 7")

    monkeypatch.setattr(WebhookChannel, "post", overtaken)
    await delivery.deliver(channel)

    assert len(receiver.requests) == 1
    assert await db.fetchval("SELECT seq FROM calscim.event_deliveries") == 7


async def test_a_channel_with_both_has_one_status(db, acme, delivery, channel, receiver):
    await delivery.deliver(channel)
    await acme.happen()
    await read.page(db, 0, 100)
    await db.execute(
        "INSERT INTO calscim.notifications (id, channel, type, payload) VALUES (gen_random_uuid(), 'hook', 'test', '{}')"
    )

    status, other = await channel_status(db, ["hook", "other"])

    assert (status.waiting, other.waiting) == (7, 0)


async def test_a_delivery_that_is_interrupted_lets_another_daemon_continue_at_once(
    db, acme, delivery, channel, receiver
):
    await delivery.deliver(channel)
    await acme.happen()
    receiver.open.clear()
    delivering = asyncio.create_task(delivery.deliver(channel))
    await until(lambda: receiver.waiting)
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    receiver.open.set()

    await delivery.deliver(channel)

    assert len({name for name, _ in receiver.requests}) == 6
