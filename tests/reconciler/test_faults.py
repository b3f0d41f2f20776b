"""The reconciler handles lost, malformed and refused responses of Cal.com without wrong conclusions."""

import pytest

from calscim.reconciler.state import parked_actions
from calscim.testing.calcom.calcom import Fault
from tests.support.stage import PEOPLE, address, addresses, assigned


async def test_an_error_is_never_an_empty_list(stage):
    await stage.given("Sales", "exclusive", *PEOPLE)
    for kind in ("status", "malformed", "drop"):
        stage.simulation.faults = [Fault(method="GET", path="memberships", kind=kind, times=-1)]

        report = await stage.full()

        assert not report.complete
        assert len(stage.team("Sales")) == 5
    stage.simulation.faults = []
    assert (await stage.full()).in_sync


async def test_one_failing_person_does_not_stop_the_others(stage):
    await stage.full()
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, "ann", "bob", "cem")
    stage.simulation.faults = [Fault(method="POST", path="/users", status=500)]
    await stage.okta.push_group("Sales", addresses("ann", "bob", "cem"))

    await stage.push()

    assert len(stage.team("Sales")) == 2
    stuck = await parked_actions.load(stage.db, "acme")
    assert len(stuck) == 1

    await parked_actions.retry(stage.db, "acme")
    await stage.full()
    assert len(stage.team("Sales")) == 3
    assert await parked_actions.load(stage.db, "acme") == {}


@pytest.mark.parametrize("kind", ["status-after", "drop-after"])
async def test_a_membership_whose_answer_was_lost_counts_as_added_by_calscim(stage, kind):
    await stage.full()
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, "ann")
    await stage.push()
    stage.simulation.faults = [Fault(method="POST", path="/teams/", kind=kind)]
    await stage.okta.push_group("Sales", addresses("ann"))
    await stage.push()

    await stage.restart()
    await stage.full()
    await stage.okta.push_now("Sales", [])
    await stage.push()

    assert stage.team("Sales") == {}


async def ann_is_put_on_sales(stage, kind):
    """A write whose answer is lost."""
    await stage.full()
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, "ann")
    await stage.push()
    stage.simulation.faults = [Fault(method="POST", path="/teams/", kind=kind)]
    await stage.okta.push_group("Sales", addresses("ann"))
    await stage.push()


@pytest.mark.parametrize("look", ["push", "full", "restart"])
async def test_a_member_added_by_an_unanswered_write_leaves_with_the_group_at_once(stage, look):
    await ann_is_put_on_sales(stage, kind="drop-after")
    assert address("ann") in stage.team("Sales")

    await stage.okta.push_now("Sales", [])
    if look == "restart":
        await stage.restart()
    await (stage.push() if look == "push" else stage.full())

    assert stage.team("Sales") == {}


async def test_a_member_added_by_an_unanswered_write_leaves_when_the_group_is_deleted(stage):
    await ann_is_put_on_sales(stage, kind="drop-after")
    assert address("ann") in stage.team("Sales")

    await stage.okta.delete_group("Sales")
    await stage.full()

    assert stage.team("Sales") == {}


async def test_a_member_added_by_hand_after_a_write_without_effect_stays(stage):
    await ann_is_put_on_sales(stage, kind="drop")
    await stage.okta.push_now("Sales", [])
    await stage.full()  # nobody is there: the write did nothing
    stage.world.put_on_team("Sales", address("ann"))

    await stage.full()
    await stage.full()

    assert address("ann") in stage.team("Sales")


async def test_a_wrong_key_is_said_and_nothing_is_touched(stage):
    await stage.given("Sales", "exclusive", *PEOPLE)
    stage.world.api_key = "another"

    with pytest.raises(Exception, match="401"):
        await stage.full()

    assert len(stage.team("Sales")) == 5


async def test_a_membership_that_no_list_shows_any_more_is_said_so(stage):
    await stage.given("Sales", "managed", "ann", "bob", "cem")  # whose numbers are not known yet
    stage.world.remove_from_org(address("ann"))
    await stage.okta.deactivate(address("ann"))

    await stage.push()

    [stuck] = (await parked_actions.load(stage.db, "acme")).values()
    assert "does not show this membership yet" in stuck.reason
