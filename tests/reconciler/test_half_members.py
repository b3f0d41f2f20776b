"""Half-members, who have a membership without a Profile, are repaired on every build of Cal.com."""

import pytest

from calscim.planner.modes import PeopleMode
from calscim.testing.calcom.builds import BEFORE_2025_08_18, HOSTED_2026, SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import Fault
from tests.support.builds import members, on_sales, waiting
from tests.support.stage import address, assigned

ANN = address("ann")


async def half_member(stage, build=SELF_HOSTED_2025_12, role="MEMBER"):
    stage.world.build = build
    stage.world.add_person(ANN, name="Ann", role=role, profile=False)
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, "ann")
    await stage.okta.push_group("Sales", [ANN])


@pytest.mark.parametrize("build", [SELF_HOSTED_2025_12, HOSTED_2026, BEFORE_2025_08_18])
async def test_a_half_member_is_repaired_on_every_build(stage, build):
    await half_member(stage, build)

    await stage.full()

    assert members(stage)[ANN] is False
    assert await waiting(stage) == {ANN: "has not accepted the invitation yet"}
    stage.world.accept(ANN)
    await stage.full()
    assert ANN in stage.team("Sales")
    assert (await stage.full()).in_sync


async def test_a_half_member_keeps_the_role_in_the_organization(stage):
    await half_member(stage, role="ADMIN")

    await stage.full()

    assert stage.people()[ANN] == "ADMIN"


async def test_a_half_member_that_is_protected_stays_and_is_said(stage):
    stage.organize(protected=frozenset({ANN}))
    await half_member(stage)

    await stage.full()

    assert members(stage)[ANN] is True
    assert (
        "calscim does not change this person: on the protected list" in (await waiting(stage))[ANN]
    )


@pytest.mark.parametrize(
    ("role", "accepted"), [("OWNER", True), ("ADMIN", False)], ids=["owner", "administrator"]
)
async def test_a_half_member_who_is_promoted_before_the_repair_keeps_the_role(
    stage, role, accepted
):
    await half_member(stage)

    def meanwhile():
        stage.world.set_role(None, ANN, role)
        return False

    await stage.reconciler.run_full(meanwhile)

    assert stage.people()[ANN] == role
    assert members(stage)[ANN] is accepted


async def test_a_half_member_who_is_removed_before_the_repair_is_not_brought_back(stage):
    await half_member(stage)

    def meanwhile():
        if ANN in members(stage):
            stage.world.remove_from_org(ANN)
        return False

    await stage.reconciler.run_full(meanwhile)

    assert ANN not in members(stage)


async def test_a_push_that_meets_a_half_member_parks_no_action(stage):
    await half_member(stage)
    await stage.full()
    stage.world.accept(ANN)
    await stage.full()
    stage.world.make_half_member(ANN)
    stage.world.take_off_team("Sales", ANN)
    await stage.okta.push_now("Sales", [])
    await stage.push()
    await stage.okta.push_now("Sales", [ANN])

    report = await stage.push()

    assert (report.parked, report.in_sync) == (0, False)
    await stage.full()
    assert members(stage)[ANN] is False


async def test_a_member_with_a_profile_is_never_made_pending_by_a_list_that_lacks_it(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann", "bob")
    await stage.restart()
    stage.simulation.faults = [Fault(method="GET", path="/users", kind="empty", times=-1)]

    for _ in range(3):
        await stage.full()

    assert members(stage)[ANN] is True
    assert not [one for one in stage.simulation.writes if one.body == {"accepted": False}]
    assert ANN in stage.team("Sales")


async def test_profiles_are_read_once(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann", "bob")
    await stage.restart()
    await stage.full()
    stage.simulation.calls.clear()

    await stage.full()

    assert not stage.simulation.calls["GET /v2/organizations/#/users"]


async def test_add_only_repairs_no_half_member(stage):
    stage.organize(people=PeopleMode.ADD_ONLY)
    await half_member(stage)

    await stage.full()

    assert members(stage)[ANN] is True
    assert [one.state.value for one in (await stage.plan()).actions] == ["observed"]
