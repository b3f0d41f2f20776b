"""A new hold alerts the operator exactly once, also if an operator's plan stored it first."""

import pytest
import structlog

from calscim.admin.approve import Stale, approve
from calscim.reconciler import reconcile as reconciler
from calscim.reconciler.state import holds
from calscim.testing.calcom.calcom import Fault
from tests.support.stage import PEOPLE, addresses


async def alerts(running):
    """Return the hashes of the holds that the daemon alerted to."""
    with structlog.testing.capture_logs() as logs:
        await running
    return [one["hash"] for one in logs if one["event"] == "reconcile.held"]


async def emptied(stage):
    """Push a group whose removals are over the limit, before a pass plans them."""
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])


async def test_a_hold_causes_one_alert_and_no_more_while_it_lasts(stage):
    await emptied(stage)

    assert len(await alerts(stage.push())) == 1
    assert await alerts(stage.full()) == []


async def test_a_plan_by_an_operator_does_not_suppress_the_alert_of_the_daemon(stage):
    await emptied(stage)
    planned = await stage.plan()

    assert await alerts(stage.push()) == [planned.hash]
    assert await alerts(stage.full()) == []


async def test_a_plan_sends_no_alert(stage):
    await emptied(stage)

    assert await alerts(stage.plan()) == []


async def test_an_approval_that_is_refused_does_not_swallow_the_alert(stage):
    await emptied(stage)
    with pytest.raises(Stale):
        await approve(stage.db, stage.settings, [stage.organization], "0" * 16)

    assert len(await alerts(stage.push())) == 1


async def test_the_alert_covers_the_whole_hold_after_a_pass_over_a_part_of_it(stage):
    await emptied(stage)
    planned = await stage.plan()
    await stage.map("Engineering", stage.team_id("Engineering"), "managed")
    path = f"/teams/{stage.team_id('Engineering')}/memberships"
    stage.simulation.faults = [Fault(method="GET", path=path, times=-1)]

    assert await alerts(stage.push()) == [planned.hash]


async def test_a_daemon_that_ends_before_its_alert_is_out_alerts_when_it_is_back(
    stage, monkeypatch
):
    await emptied(stage)

    def ended(*_):
        raise SystemExit

    with monkeypatch.context() as killed:
        killed.setattr(reconciler, "log_held", ended)
        with pytest.raises(SystemExit):
            await stage.push()
    await stage.restart()

    assert len(await alerts(stage.full())) == 1


async def test_a_hold_that_ended_and_returns_causes_another_alert(stage):
    await emptied(stage)
    [first] = await alerts(stage.push())
    await stage.okta.push_now("Sales", addresses(*PEOPLE))
    await stage.full()
    assert await holds.load_current(stage.db, "acme") == []
    await stage.okta.push_now("Sales", [])

    assert await alerts(stage.full()) == [first]
