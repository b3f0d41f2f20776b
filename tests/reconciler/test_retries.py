"""Failed reads and a refused key are retried with growing waits, and logged once."""

import asyncio

import pytest
from structlog.testing import capture_logs

from calscim.reconciler.backoff import REMINDER, Backoff, Notice
from calscim.reconciler.state import passes
from calscim.testing.calcom.calcom import Fault
from tests.support.driver import Driver, Hurried
from tests.support.stage import address
from tests.support.views import status

OLDEST = "calscim_oldest_pending_seconds"


@pytest.fixture
async def running(stage):
    """An organization in sync, and the driver of its daemon after the first full pass."""
    await stage.given("Sales", "managed", "ann")
    await stage.okta.assign(address("bob"), "Bob", "Example")
    driver = Driver.of(stage, Hurried())
    await driver.run_for(10)
    stage.simulation.calls.clear()
    return driver


def unreadable(stage, name, times):
    stage.simulation.faults = [
        Fault(method="GET", path=f"/teams/{stage.team_id(name)}/", kind="status", times=times)
    ]


async def shown(stage):
    return (await status(stage.db, ["acme"]))["organizations"][0]


def said(lines, event, *levels):
    return [one for one in lines if one["event"] == event and one["log_level"] in levels]


async def test_a_push_whose_team_cannot_be_read_is_tried_again_within_seconds(running):
    stage = running.stage
    unreadable(stage, "Sales", 5)
    running.reconciler.view.stale.add(stage.team_id("Sales"))
    await stage.okta.add_members("Sales", [address("bob")])
    pushed_at = running.clock.seconds

    async def there(_, __):
        return address("bob") in stage.team("Sales")

    async with asyncio.timeout(30):
        await running.run(there)

    assert running.clock.seconds - pushed_at < 60


async def test_waits_between_tries_grow_from_one_second_to_thirty(running):
    stage = running.stage
    unreadable(stage, "Sales", -1)
    running.reconciler.view.stale.add(stage.team_id("Sales"))
    await stage.okta.add_members("Sales", [address("bob")])

    await running.run_for(250)

    tries = await stage.db.fetchval(
        "SELECT count(*) FROM calscim.reconcile_passes WHERE NOT complete"
    )
    assert 10 <= tries <= 18  # 1 + 2 + 4 + 8 + 16 seconds, then every 30


async def test_pending_changes_are_in_the_metrics_in_status_and_in_one_warning(running):
    stage = running.stage
    unreadable(stage, "Sales", -1)
    running.reconciler.view.stale.add(stage.team_id("Sales"))
    await stage.okta.add_members("Sales", [address("bob")])
    with capture_logs() as lines:
        await running.run_for(200)

    (warning,) = said(lines, "reconcile.delayed", "warning")
    assert warning["changes"] == 1
    assert "Sales" in warning["unread"][0]
    assert running.metric(OLDEST) > 0
    one = await shown(stage)
    assert one["pending"] == 1
    assert one["retry"]["changes"] == 1 and one["retry"]["since"]

    stage.simulation.faults = []
    with capture_logs() as lines:
        await running.run_for(40)

    assert running.metric(OLDEST) == 0
    one = await shown(stage)
    assert (one["pending"], one["retry"], one["in_sync"]) == (0, None, True)
    assert len(said(lines, "reconcile.caught_up", "info")) == 1


async def test_a_mapping_that_waits_for_another_try_is_no_pushed_change(running):
    stage = running.stage
    unreadable(stage, "Engineering", -1)
    await stage.map("Engineering", stage.team_id("Engineering"), "managed")
    await running.run_for(60)

    one = await shown(stage)
    assert one["retry"]["next_try"]
    assert (one["pending"], one["retry"]["changes"], one["retry"]["since"]) == (0, 0, None)


async def test_a_team_that_cannot_be_read_delays_no_push_to_another(running):
    stage = running.stage
    await stage.map("Engineering", stage.team_id("Engineering"), "managed")
    await running.run_for(10)
    unreadable(stage, "Sales", -1)
    running.reconciler.view.stale.add(stage.team_id("Sales"))
    await stage.okta.add_members("Sales", [address("bob")])
    await running.run_for(60)

    await stage.okta.push_group("Engineering", [address("bob")])
    await running.run_for(5)

    assert address("bob") in stage.team("Engineering")


async def test_a_full_pass_also_reports_a_team_that_it_could_not_read(running):
    stage = running.stage
    unreadable(stage, "Sales", -1)
    with capture_logs() as lines:
        await running.run_for(900)

    assert len(said(lines, "reconcile.delayed", "warning")) == 1
    assert (await shown(stage))["retry"]["next_try"]


# ------------------------------------------------------------------ a key that is refused


@pytest.fixture
def refused(running):
    """Let Cal.com refuse the key while a push waits."""
    running.stage.simulation.faults = [
        Fault(method="GET", path="/v2/", kind="status", status=401, times=-1)
    ]
    return running


async def test_a_refused_key_with_a_waiting_push_is_tried_less_and_less_and_said_once(refused):
    stage = refused.stage
    await stage.okta.add_members("Sales", [address("bob")])
    refused.reconciler.view.stale.add(stage.team_id("Sales"))
    with capture_logs() as lines:
        await refused.run_for(600)

    assert len(said(lines, "reconcile.unreachable", "error")) == 1
    assert sum(stage.simulation.calls.values()) < 40
    assert refused.metric(OLDEST) > 0
    one = await shown(stage)
    assert one["unreachable"] and one["retry"]["changes"] >= 1


async def test_a_state_that_lasts_is_said_again_every_hour(refused):
    with capture_logs() as lines:
        await refused.run_for(2 * REMINDER + 700)

    assert len(said(lines, "reconcile.unreachable", "error")) == 3


async def test_another_reason_is_said_at_once(refused):
    await refused.run_for(400)
    refused.stage.simulation.faults = [
        Fault(method="GET", path="/v2/", kind="status", status=500, times=-1)
    ]
    with capture_logs() as lines:
        await refused.run_for(60)

    assert [one["kind"] for one in said(lines, "reconcile.unreachable", "error")] == ["unreachable"]


async def test_pushes_during_a_refused_key_are_processed_after_its_acceptance(refused):
    stage = refused.stage
    await refused.run_for(400)
    await stage.okta.add_members("Sales", [address("bob")])
    await refused.run_for(100)
    stage.simulation.faults = []
    with capture_logs() as lines:
        await refused.run_for(45)

    assert address("bob") in stage.team("Sales")
    assert refused.metric(OLDEST) == 0
    assert len(said(lines, "reconcile.recovered", "info")) == 1


async def test_a_sync_request_runs_at_once_during_any_wait(refused):
    stage = refused.stage
    await refused.run_for(400)
    stage.simulation.calls.clear()
    request = await passes.request_sync(stage.db, "acme")
    await refused.run_for(3)

    assert (await passes.load_answer(stage.db, request)).detail
    assert stage.simulation.calls


# ------------------------------------------------------------------ the rule


def test_waits_double_up_to_half_a_minute_and_start_again_after_a_success():
    backoff = Backoff(lambda: 0.5)

    assert [backoff.next() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.next() == 1


@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_waits_stay_within_their_bounds(jitter):
    backoff = Backoff(lambda: jitter)

    assert all(1 <= backoff.next() <= 30 for _ in range(2000))


def test_a_notice_is_news_at_first_when_it_changes_and_every_hour():
    notice = Notice()

    said = [
        notice.is_news(*one) for one in (("a", 0), ("a", 9), ("b", 9), ("b", 3610), ("b", 3700))
    ]

    assert said == [True, False, True, True, False]
    assert notice.end() and not notice.end()
    assert notice.is_news("b", 3701)
