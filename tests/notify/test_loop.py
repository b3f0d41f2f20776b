"""The loop of notifications: a defect stops nothing else, and the end of a pass brings the next look forward."""

import asyncio
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from calscim.clock import SystemClock
from calscim.notify import notifications as loop
from calscim.notify.events import Condition, Event
from calscim.notify.notifications import Metrics, Notifications
from calscim.notify.outbox import Subscription
from tests.support.waiting import until

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class Reader:
    """Fails once, then has a hold."""

    def __init__(self):
        self.failures = 1

    async def read(self, _):
        if self.failures:
            self.failures -= 1
            raise KeyError("a defect")
        return [Condition(Event.HOLD, "acme:h", SINCE, "5 changes wait", organization="acme")]


class Broken:
    name, most = "broken", 1

    async def deliver(self, messages):
        raise KeyError("a defect")


class Working:
    name, most = "working", 1

    def __init__(self):
        self.messages = []
        self.arrived = asyncio.Event()

    async def deliver(self, messages):
        self.messages += messages
        self.arrived.set()


async def test_a_defect_stops_neither_the_loop_nor_the_other_channels(db, monkeypatch):
    monkeypatch.setattr(loop, "EVERY", 0.01)
    working = Working()
    channels = [
        (channel, Subscription(channel.name, frozenset(Event), None, {}))
        for channel in (Broken(), working)
    ]
    made = Notifications(
        db, channels, Reader(), list, "host", SystemClock(), Metrics(CollectorRegistry())
    )
    with capture_logs() as lines:
        task = asyncio.create_task(made.run())
        async with asyncio.timeout(20):
            await working.arrived.wait()
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert [one.type for one in working.messages] == ["hold.created"]
    assert "notify.look_failed" in {line["event"] for line in lines}


class Counting:
    """Has no condition, and counts the looks."""

    def __init__(self):
        self.looks = 0

    async def read(self, _):
        self.looks += 1
        return []


async def test_the_end_of_a_pass_brings_the_next_look_forward(db, monkeypatch):
    monkeypatch.setattr(loop, "EVERY", 3600.0)
    monkeypatch.setattr(loop, "LEAST", 0.01)
    reader, channel = Counting(), Working()
    channels = [(channel, Subscription(channel.name, frozenset(Event), None, {}))]
    made = Notifications(
        db, channels, reader, list, "host", SystemClock(), Metrics(CollectorRegistry())
    )
    task = asyncio.create_task(made.run())
    await until(lambda: reader.looks == 1)

    made.wake()

    await until(lambda: reader.looks == 2)
    task.cancel()
    await asyncio.wait((task,))


async def test_a_database_that_takes_no_change_is_an_outage_although_it_answers(db):
    async def full():
        return "the database has no room"

    reader, channel = Counting(), Working()
    channels = [(channel, Subscription(channel.name, frozenset(Event), None, {}))]
    made = Notifications(
        db, channels, reader, list, "host", SystemClock(), Metrics(CollectorRegistry()), full
    )

    await made.look()
    await made.deliver(*channels[0])

    assert reader.looks == 0
    assert [one.type for one in channel.messages] == ["database.unreachable"]
    assert "the database has no room" in channel.messages[0].summary
