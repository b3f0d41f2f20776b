"""Lists of Cal.com lag behind its writes: the reconciler ignores values from before its own changes."""

from collections import Counter

import pytest

from calscim.planner.actions import Kind
from calscim.reconciler.stale_reads import StaleReadFilter

ANN, BOB = "ann@acme.example", "bob@acme.example"


@pytest.fixture
async def raised(stage):
    """ann was made an administrator of Sales by a second group, and Cal.com's lists do not show it yet."""
    await stage.given("Sales", "managed", "ann", "bob")
    await stage.map("Leads", stage.team_id("Sales"), "managed", role="ADMIN")
    await stage.push()
    stage.world.lag(seconds=3600)
    await stage.okta.push_group("Leads", [ANN])
    await stage.push()
    assert stage.world.find(stage.world.user_id(ANN), stage.team_id("Sales")).role == "ADMIN"
    stage.simulation.writes.clear()
    return stage


def sent(stage) -> Counter[str]:
    return Counter(call.method for call in stage.simulation.writes)


async def test_a_role_that_calscim_just_changed_is_not_compared_with_a_stale_list(raised):
    report = await raised.full()

    assert sent(raised) == {}
    assert report.drift == {}
    assert report.in_sync


async def test_it_is_judged_once_the_settle_time_is_over(raised):
    raised.world.lag()
    raised.world.set_role("Sales", ANN, "MEMBER")
    raised.reconciler.view.recent.now = lambda: float("inf")

    report = await raised.full()

    assert report.drift == {"role": 1}
    assert raised.team("Sales")[ANN] == "ADMIN"


def account(stage):
    return stage.world.user_id(ANN)


async def test_without_a_settle_time_the_role_is_sent_again(stage):
    stage.reconcile(stale_read_window=0.0)
    await stage.given("Sales", "managed", "ann", "bob")
    await stage.map("Leads", stage.team_id("Sales"), "managed", role="ADMIN")
    await stage.push()
    stage.world.lag(seconds=3600)
    await stage.okta.push_group("Leads", [ANN])
    await stage.push()
    stage.simulation.writes.clear()

    await stage.full()

    assert sent(stage) == {"PATCH": 1}


async def test_a_role_changed_by_hand_right_after_the_addition_is_corrected_at_once(
    stage,
):
    await stage.given("Sales", "managed", "ann")
    stage.world.put_on_team("Sales", "owner@acme.example", role="OWNER")
    stage.world.set_role("Sales", ANN, "ADMIN")

    await stage.full()

    assert stage.team("Sales")[ANN] == "MEMBER"


async def test_a_removal_that_the_directory_asks_for_does_not_wait(raised):
    await raised.okta.push_now("Leads", [])
    await raised.okta.push_now("Sales", [BOB])
    await raised.push()

    assert raised.world.find(account(raised), raised.team_id("Sales")) is None


@pytest.mark.parametrize("mode", ["managed", "exclusive"])
async def test_a_member_just_removed_is_not_removed_again(stage, mode):
    await stage.given("Sales", mode, "ann", "bob")
    stage.world.lag(seconds=3600)
    await stage.okta.remove_members("Sales", [ANN])
    await stage.push()
    stage.simulation.writes.clear()

    report = await stage.full()

    assert sent(stage) == {}
    assert report.in_sync


async def test_adding_a_new_member_again_changes_nothing(stage):
    await stage.given("Sales", "exclusive", "ann")
    stage.world.lag(seconds=3600)
    await stage.okta.assign(BOB, "Bob", "Example")
    await stage.okta.add_members("Sales", [BOB])
    await stage.push()

    for _ in range(3):
        report = await stage.full()

    assert not {kind for kind, _ in report.outcomes} - {Kind.ADD, Kind.CREATE}
    stage.world.lag()
    assert set(stage.team("Sales")) == {ANN, BOB}
    assert (await stage.full()).in_sync
    await stage.okta.push_now("Sales", [ANN])
    await stage.push()
    assert set(stage.team("Sales")) == {ANN}


async def test_an_address_that_was_just_changed_is_not_sent_again(stage):
    await stage.given("Sales", "managed", "ann")
    stage.world.lag(seconds=3600)
    new = "ann.lee@acme.example"
    await stage.okta.update_profile(
        ANN, userName=new, emails=[{"value": new, "primary": True, "type": "work"}]
    )
    await stage.push()
    stage.simulation.writes.clear()

    await stage.full()

    assert sent(stage) == {}


async def test_a_membership_that_was_just_accepted_is_not_accepted_again(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.full()
    stage.world.make_pending("Sales", ANN)
    stage.world.lag(seconds=3600)
    await stage.full()
    stage.simulation.writes.clear()

    report = await stage.full()

    assert sent(stage) == {}
    assert report.in_sync


# -------------------------------------------------------------------- what is remembered


def test_every_value_that_was_there_before_is_known_and_no_other():
    recent = StaleReadFilter(lambda: 0.0, 5.0)
    recent.record_change("ann", 1, 2)
    recent.record_change("ann", 2, 3)

    assert [recent.current_value("ann", shown) for shown in (1, 2, 3, 4)] == [3, 3, 3, 4]
    assert recent.current_value("bob", 1) == 1


def test_a_value_that_was_changed_and_changed_back_is_accepted():
    recent = StaleReadFilter(lambda: 0.0, 5.0)
    recent.record_change("ann", 1, 2)
    recent.record_change("ann", 2, 1)

    assert [recent.current_value("ann", shown) for shown in (1, 2)] == [1, 1]


def test_a_change_is_forgotten_after_the_settle_time():
    now = [0.0]
    recent = StaleReadFilter(lambda: now[0], 5.0)
    recent.record_change("ann", 1, 2)

    now[0] = 4.9
    assert recent.current_value("ann", 1) == 2
    now[0] = 5.0
    assert recent.current_value("ann", 1) == 1
