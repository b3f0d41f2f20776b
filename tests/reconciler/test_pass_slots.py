"""Slots limit how many passes run at once, and order the waiting passes."""

import asyncio
from contextlib import suppress

import pytest

from calscim.clock import SystemClock
from calscim.reconciler import pass_slots as module
from calscim.reconciler.controller import HeldLease
from calscim.reconciler.pass_slots import HANDICAP, PassSlot, PassSlots
from tests.support.waiting import until


class Passes:
    """Passes that work until the test ends them."""

    def __init__(self, size):
        self.slots = PassSlots(size, SystemClock())
        self.working, self.order, self.ends, self.tasks = set(), [], {}, {}

    def start(self, name, at=0.0, *, is_urgent=False):
        slot = PassSlot(self.slots)
        slot.be_due(at, is_urgent=is_urgent)
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._work(name, slot))
        return slot

    async def _work(self, name, slot):
        async with slot:
            self.order.append(name)
            self.working.add(name)
            await self.ends[name].wait()
            self.working.discard(name)

    async def end(self, name):
        self.ends[name].set()
        await self.tasks[name]
        await settled()


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_passes_work_at_once_than_there_are_slots():
    passes = Passes(2)
    for number in range(5):
        passes.start(number, number)
    await settled()
    assert passes.working == {0, 1}

    await passes.end(0)

    assert passes.working == {1, 2}


async def test_pushes_go_before_periodic_passes_and_these_have_their_turn():
    passes = Passes(1)
    passes.start("first")
    await settled()
    passes.start("periodic", 0.0)
    passes.start("push", 30.0, is_urgent=True)
    passes.start("later push", HANDICAP + 1, is_urgent=True)
    for name in ("first", "push", "periodic", "later push"):
        await settled()
        await passes.end(name)

    assert passes.order == ["first", "push", "periodic", "later push"]


async def test_a_push_moves_a_pass_that_waits_forward():
    passes = Passes(1)
    passes.start("first")
    await settled()
    passes.start("other", 0.0)
    slot = passes.start("pushed", 1.0)
    await settled()

    slot.be_due(2.0, is_urgent=True)
    await passes.end("first")

    assert passes.working == {"pushed"}


async def test_a_pass_that_is_cancelled_leaves_its_place_to_the_next():
    passes = Passes(1)
    for name in ("first", "second", "third"):
        passes.start(name)
        await settled()

    for name in ("second", "first"):
        passes.tasks[name].cancel()
        with suppress(asyncio.CancelledError):
            await passes.tasks[name]
    await settled()

    assert "third" in passes.working


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_pass_that_waits_for_calcom_lends_its_slot_and_gets_it_back(monkeypatch, cancelled):
    monkeypatch.setattr(module, "LEND_AFTER", 0.0)
    passes = Passes(1)
    slot = PassSlot(passes.slots)
    answer = asyncio.Event()

    async def call():
        async with slot, slot.lent():
            await answer.wait()

    calling = asyncio.create_task(call())
    await settled()
    passes.start("other")
    await until(lambda: passes.working == {"other"}, 5)
    passes.start("third")
    await settled()

    if cancelled:
        calling.cancel()
    answer.set()
    await settled()
    assert passes.working == {"other"}
    await passes.end("other")
    await asyncio.wait({calling})
    await settled()

    assert passes.working == {"third"}


async def test_a_quick_answer_costs_no_slot():
    passes = Passes(1)
    slot = PassSlot(passes.slots)
    async with slot:
        async with slot.lent():
            passes.start("other")
            await settled()
        assert slot.is_held
        assert passes.working == set()
    await settled()
    assert passes.working == {"other"}


async def test_a_pass_that_lent_its_slot_has_begun_and_a_queued_pass_has_not(
    monkeypatch,
):
    """A stop or a release ends only passes that have not begun."""
    monkeypatch.setattr(module, "LEND_AFTER", 0.0)
    passes = Passes(1)
    answer, going_on = asyncio.Event(), asyncio.Event()
    slot = PassSlot(passes.slots)

    async def work():
        async with slot:
            async with slot.lent():
                await answer.wait()
            going_on.set()

    first = asyncio.create_task(work())
    await settled()
    await until(lambda: not slot.is_held)
    second = passes.start("second", 1.0)
    third = passes.start("third", 2.0)
    await settled()
    answer.set()
    await settled()

    assert slot.turn is not None and not going_on.is_set()
    assert (slot.has_begun, second.has_begun, third.has_begun) == (True, True, False)
    assert HeldLease(assignment=None, slot=slot, lease=None, task=first).is_working

    await passes.end("second")
    await first
    assert going_on.is_set() and not slot.has_begun
    await passes.end("third")
