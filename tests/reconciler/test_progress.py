"""Operators see the progress of a long pass while it runs."""

import asyncio

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from calscim.admin import status as statuses
from calscim.admin.sync import sync
from calscim.calcom.rate_budget import Budget
from calscim.cli.status import render_status
from calscim.clock import SystemClock
from calscim.reconciler.progress import Progress
from calscim.reconciler.state import leases, passes
from tests.support.views import status


class Stopwatch(SystemClock):
    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
async def progress(stage):
    clock = Stopwatch()
    number = await passes.begin(stage.db, "acme", "full")
    return Progress(stage.db, "acme", number, Budget(120), clock)


async def shown(stage):
    return (await status(stage.db, ["acme"]))["organizations"][0]


async def test_status_shows_how_much_is_done_and_how_long_the_rest_takes(stage, progress):
    await progress.come_to(0, 5100)
    progress.clock.seconds += 600
    await progress.come_to(1240, 5100)

    one = await shown(stage)

    assert (one["progress"]["done"], one["progress"]["of"]) == (1240, 5100)
    assert one["progress"]["scope"] == "full"
    assert one["seconds_left"] == one["progress"]["seconds_left"]
    # 118 calls at once and 118 a minute after that
    assert one["seconds_left"] == pytest.approx((5100 - 1240 - 118) / 118 * 60, rel=0.03)


async def test_a_cal_com_that_is_slower_than_its_rate_limit_is_believed(stage, progress):
    progress.clock.seconds += 100
    await progress.come_to(10, 20)

    assert (await shown(stage))["seconds_left"] == 100


async def test_progress_includes_changes_of_interrupted_passes(stage, progress):
    progress.before = 40

    await progress.come_to(2, 60)

    one = await shown(stage)
    assert (one["progress"]["done"], one["progress"]["of"]) == (42, 100)


async def test_progress_is_not_stored_for_every_change(stage, progress):
    for done in range(100):
        progress.clock.seconds += 0.1
        await progress.come_to(done, 100)

    assert (await shown(stage))["progress"]["done"] == 80


async def test_no_pass_is_shown_as_running_after_its_end_or_without_a_daemon(stage, progress):
    await progress.come_to(1, 2)
    await leases.release(stage.db, stage.lease)
    assert (await shown(stage))["progress"] is None

    stage.lease = await leases.take(stage.db, "acme", "another")
    assert (await shown(stage))["progress"] is not None
    await passes.finish(stage.db, progress.pass_id, complete=True, in_sync=True, report={})
    assert (await shown(stage))["progress"] is None


async def test_an_interrupted_pass_continues_afterwards(stage):
    await stage.full()
    people = [f"p{number}@acme.example" for number in range(6)]
    for email in people:
        await stage.okta.assign(email, "P", "Example")
    await stage.reconciler.run_full(lambda: len(stage.simulation.writes) == 4)
    assert stage.reconciler.carried == 4

    await stage.full()

    assert stage.reconciler.carried == 0
    assert stage.world.account(people[-1]) is not None


async def test_progress_is_logged_every_half_minute(progress):
    with capture_logs() as lines:
        for done in range(100):
            progress.clock.seconds += 1
            await progress.come_to(done, 100)

    told = [line for line in lines if line["event"] == "reconcile.progress"]
    assert [line["done"] for line in told] == [30, 60, 90]
    assert all(line["seconds_left"] > 0 for line in told)


async def test_status_shows_progress_in_a_sentence(stage, progress):
    await progress.come_to(1240, 5100)

    console = Console(width=200)
    with console.capture() as text:
        console.print(render_status(await statuses.status(stage.db, ["acme"])))

    assert "acme: 1,240 of 5,100 actions done, about 32 min left" in text.get()


async def test_the_requester_of_a_pass_sees_its_progress(stage, progress, monkeypatch):
    monkeypatch.setattr("calscim.admin.sync.TELL_EVERY", 0.0)
    heard, said = [], asyncio.Event()
    await progress.come_to(3, 9)

    def tell(going) -> None:
        heard.append(going)
        said.set()

    async def finish() -> None:
        await said.wait()
        requests = await passes.list_requests(stage.db, "acme")
        await passes.finish(stage.db, progress.pass_id, complete=True, in_sync=True, report={})
        await passes.answer_requests(stage.db, requests, progress.pass_id, "")

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(finish())
        answer = await sync(stage.db, "acme", tell)

    assert answer.complete
    assert (heard[0].progress.done, heard[0].progress.of) == (3, 9)
