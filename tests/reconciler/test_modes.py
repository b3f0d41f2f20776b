"""The mode of a mapping decides whether drift is corrected."""

from calscim import admin
from calscim.planner.actions import State
from tests.support.stage import address, addresses, assigned


async def test_a_hand_made_removal_is_repaired(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    stage.world.take_off_team("Sales", address("ann"))

    await stage.full()

    assert set(stage.team("Sales")) == {address("ann"), address("bob")}


async def test_a_hand_made_member_stays_in_managed_also_after_being_in_a_group(stage):
    stage.world.add_person(address("ann"), name="Ann")
    stage.world.put_on_team("Sales", address("ann"))
    await stage.given("Sales", "managed", "ann")

    await stage.okta.push_now("Sales", [])
    await stage.push()
    await stage.full()

    assert stage.team("Sales") == {address("ann"): "MEMBER"}


async def test_a_stranger_leaves_an_exclusive_team_and_stays_in_the_organization(stage):
    stage.world.add_person(address("guest"), name="Guest")
    await stage.given("Sales", "exclusive", "ann", "bob")
    stage.world.put_on_team("Sales", address("guest"))

    await stage.full()

    assert set(stage.team("Sales")) == {address("ann"), address("bob")}
    assert address("guest") in stage.world.snapshot()["people"]


async def test_observe_mode_changes_nothing_and_reports_its_actions(stage):
    await stage.full()
    await stage.map("Sales", stage.team_id("Sales"), "observe")
    await assigned(stage, "ann")
    await stage.okta.push_group("Sales", addresses("ann"))
    await stage.push()

    plan = await stage.plan()

    assert stage.team("Sales") == {}
    assert [action.state for action in plan.actions] == [State.OBSERVED]


async def test_the_highest_role_wins_and_follows_its_source(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.map("Leads", stage.team_id("Sales"), "managed", role="ADMIN")
    await stage.okta.push_group("Leads", addresses("ann"))
    await stage.push()
    raised = stage.team("Sales")

    await stage.okta.push_now("Leads", [])
    await stage.push()

    assert raised == {address("ann"): "ADMIN"}
    assert stage.team("Sales") == {address("ann"): "MEMBER"}


async def test_an_organization_role_is_granted_and_revoked_with_the_group(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    await stage.map("Leads", None, "managed", role="ADMIN")
    await stage.okta.push_group("Leads", addresses("ann"))
    await stage.push()
    raised = stage.people()

    await stage.okta.remove_members("Leads", addresses("ann"))
    await stage.push()

    assert (raised[address("ann")], raised[address("bob")]) == ("ADMIN", "MEMBER")
    assert stage.people()[address("ann")] == "MEMBER"
    assert (await stage.full()).in_sync


async def test_an_organization_role_is_revoked_when_its_mapping_is_removed(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.map("Sales", None, "managed", role="ADMIN")
    await stage.push()
    every = await admin.mappings(stage.db)
    (mapping,) = [shown for shown in every if shown.team_id is None]

    await admin.remove_mapping(stage.db, stage.editor, mapping)
    await stage.push()

    assert stage.people()[address("ann")] == "MEMBER"
    assert stage.team("Sales") == {address("ann"): "MEMBER"}


async def test_a_paused_directory_is_listened_to_and_cal_com_left_alone(stage):
    await stage.full()
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await admin.pause(
        stage.db,
        stage.editor,
        organization="acme",
        scope="directory",
        target=stage.directory.id,
    )
    await assigned(stage, "ann")
    await stage.okta.push_group("Sales", addresses("ann"))

    await stage.full()
    plan = await stage.plan()

    assert stage.world.account(address("ann")) is None
    assert {action.state for action in plan.actions} == {State.PAUSED}
