"""Duplicate values: Cal.com keeps each TEXT and NUMBER that it receives, and its lists show the first."""

import pytest

from calscim.planner.policy import AttributePath, AttributeRule
from calscim.reconciler.state import parked_actions
from calscim.testing.calcom.calcom import Fault

URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ANN = "ann@acme.example"


@pytest.fixture
async def ann(stage):
    """ann has a department, an attribute of which Cal.com keeps several values."""

    async def ready(kind="TEXT", *options):
        stage.world.add_attribute("department", kind, options)
        source = AttributePath(f"{URN}:department", URN, "department")
        stage.organize(attributes=(AttributeRule(source, "department"),))
        await stage.okta.assign(ANN, "Ann", "Example")
        await stage.full()

    return ready


async def says(stage, department=None):
    values = {URN: {"department": department}} if department else {URN: {}}
    await stage.okta.update_profile(ANN, active=True, **values)
    return await stage.push()


def has(stage, email=ANN):
    return stage.world.values(email).get("department", [])


def add(stage, value, email=ANN):
    """Let another program write one more value over the API."""
    world = stage.world
    values = [*world.values(email).get("department", []), value]
    world.set_attribute(email, "department", *values)


@pytest.mark.parametrize("kind", ["TEXT", "NUMBER", "SINGLE_SELECT"])
async def test_a_changed_value_replaces_all_existing_values(stage, ann, kind):
    await ann(kind, "1", "2", "3")
    await says(stage, "1")
    add(stage, "3")
    assert has(stage) == ["1", "3"]

    await says(stage, "2")

    assert has(stage) == ["2"]
    assert (await stage.full()).in_sync


async def test_a_duplicate_value_exists_once_after_a_change(stage, ann):
    await ann()
    await says(stage, "Sales")
    add(stage, "Sales")
    add(stage, "Ops")

    await says(stage, "Ops")

    assert has(stage) == ["Ops"]


async def test_clearing_an_attribute_removes_all_values(stage, ann):
    await ann()
    await says(stage, "Sales")
    add(stage, "Sales")
    add(stage, "Ops")

    await says(stage)

    assert has(stage) == []
    assert (await stage.full()).in_sync


@pytest.mark.parametrize("kind", ["TEXT", "SINGLE_SELECT"])
async def test_a_duplicate_value_that_no_list_shows_is_found_and_removed(stage, ann, kind):
    await ann(kind, "Sales", "Ops")
    await says(stage, "Sales")
    add(stage, "Ops")

    await stage.full()

    assert has(stage) == ["Sales"]
    assert (await stage.full()).in_sync


async def test_a_double_is_in_the_plan_until_it_is_gone(stage, ann):
    await ann()
    await says(stage, "Sales")
    add(stage, "Ops")
    stage.simulation.faults = [Fault(method="DELETE", path="/options/", status=500, times=1)]

    first = await stage.full()
    second = await stage.full()

    assert not first.in_sync and not second.in_sync
    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")
    await stage.full()
    assert has(stage) == ["Sales"]
    assert (await stage.full()).in_sync


async def test_an_invalid_number_hides_no_other_value_and_is_replaced(stage, ann):
    await ann("NUMBER")
    add(stage, "seven")

    await says(stage, "7")

    assert has(stage) == ["7"]
    assert (await stage.full()).in_sync


async def test_the_options_of_everyone_with_a_value_are_read_within_some_passes(stage, ann):
    await ann()
    names = [f"p{number}@acme.example" for number in range(12)]
    for email in names:
        await stage.okta.assign(email, "P", "Example")
        await stage.okta.update_profile(email, active=True, **{URN: {"department": "Sales"}})
    await stage.full()
    for email in names:
        add(stage, "Ops", email)

    for _ in range(4):
        await stage.full()

    assert [has(stage, email) for email in names] == [["Sales"]] * 12


async def test_the_search_for_duplicates_leaves_most_of_the_rate_limit_to_changes(stage, ann):
    await ann()
    await says(stage, "Sales")
    budget = stage.reconciler.client.budget
    while budget.delay(stage.reconciler.clock.monotonic(), keep=round(budget.limit / 2)) == 0:
        budget.take(stage.reconciler.clock.monotonic())
    stage.simulation.calls.clear()

    await stage.full()

    assert not stage.simulation.calls["GET /v2/organizations/#/attributes/options/#"]


async def test_a_value_whose_answer_was_lost_does_not_stay_duplicated(stage, ann):
    await ann()
    stage.simulation.faults = [
        Fault(method="POST", path="/options/", kind="drop-after", times=1),
    ]
    await says(stage, "Sales")
    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")

    for _ in range(3):
        await stage.full()

    assert has(stage) == ["Sales"]


@pytest.mark.parametrize("status", [500, 403, 404])
async def test_a_change_for_which_the_values_cannot_be_read_is_parked(stage, ann, status):
    await ann()
    await says(stage, "Sales")
    await stage.full()
    path = "/attributes/options/"
    stage.simulation.faults = [Fault(method="GET", path=path, status=status, times=-1)]

    pushed = await says(stage, "Ops")

    assert (pushed.in_sync, pushed.parked) == (False, 2)  # one value goes, the other one comes
    assert not (await stage.full()).in_sync
    stage.simulation.faults = []
    await parked_actions.retry(stage.db, "acme")
    await stage.full()
    assert has(stage) == ["Ops"]


async def test_people_whose_values_cannot_be_read_do_not_hide_duplicates_of_others(stage, ann):
    await ann()
    unreadable = [f"p{number}@acme.example" for number in range(6)]
    for email in (*unreadable, ANN):
        await stage.okta.assign(email, "Ann", "Example", **{URN: {"department": "Sales"}})
    await stage.full()
    await stage.restart()
    users = [stage.world.user_id(email) for email in unreadable]
    stage.simulation.faults = [
        Fault(method="GET", path=f"/attributes/options/{user}", times=-1) for user in users
    ]
    add(stage, "Ops")

    for _ in range(4):
        await stage.full()

    assert has(stage) == ["Sales"]
