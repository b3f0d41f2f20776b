"""Deprovisions on builds of Cal.com that end team memberships and on builds that keep them."""

from dataclasses import replace

import pytest

from calscim.planner.build import BuildTraits
from calscim.planner.safeguards.limits import Limit
from calscim.reconciler.observed_cache import UNKNOWN
from calscim.reconciler.state import build_traits
from calscim.testing.calcom.builds import BEFORE_2025_08_18, HOSTED_2026, SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import Fault
from tests.support.builds import members, on_sales
from tests.support.stage import address, assigned

ANN = address("ann")


async def test_a_build_that_keeps_team_memberships_is_detected_and_cleaned_up(stage):
    await on_sales(stage, BEFORE_2025_08_18, "ann", "bob", "cem")
    stage.world.put_on_team("Engineering", ANN)  # not mapped

    await stage.okta.deactivate(ANN)
    await stage.full()

    assert ANN not in stage.team("Sales") and ANN not in stage.team("Engineering")
    assert await build_traits.load(stage.db, "acme") == BuildTraits(clears_teams=False)
    left = [one.method + one.path for one in stage.simulation.writes if one.method == "DELETE"]
    assert "/teams/" not in left[0] and "/teams/" in left[1]


async def test_a_team_membership_that_such_a_build_left_is_ended_for_a_person_who_came_back(stage):
    await on_sales(stage, BEFORE_2025_08_18, "ann", "bob", "cem")
    stage.guard(
        max_removals_per_team=Limit(count=10), max_removals_per_organization=Limit(count=10)
    )
    stage.simulation.faults = [Fault(method="DELETE", path="/teams/", status=500, times=3)]
    await stage.okta.deactivate(ANN)
    await stage.push()
    assert ANN in stage.team("Sales") and ANN not in members(stage)

    await stage.okta.assign(ANN, "Ann", "Example")
    await stage.push()  # attaches the account, and looks at no team
    await stage.okta.delete_group("Sales")
    stage.simulation.faults = []
    for _ in range(3):
        await stage.full()

    assert ANN in members(stage)
    assert ANN not in stage.team("Sales")


async def test_on_such_a_build_teams_go_first_from_then_on(stage):
    await on_sales(stage, BEFORE_2025_08_18, "ann", "bob", "cem", "dan")
    await stage.okta.deactivate(ANN)
    await stage.full()
    await stage.restart()
    stage.simulation.writes.clear()

    await stage.okta.deactivate(address("bob"))
    await stage.full()

    paths = [one.path for one in stage.simulation.writes]
    assert ["/teams/" in path for path in paths] == [True, False]
    assert address("bob") not in stage.team("Sales")


async def test_a_team_that_cannot_be_left_keeps_the_person_in_the_organization(stage):
    await on_sales(stage, BEFORE_2025_08_18, "ann", "bob", "cem")
    await build_traits.learn(stage.db, "acme", "clears_teams", value=False)
    stage.simulation.faults = [Fault(method="DELETE", path="/teams/", status=500, times=-1)]

    await stage.okta.deactivate(ANN)
    await stage.full()

    assert ANN in members(stage)
    stage.simulation.faults = []
    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")
    await stage.full()
    assert ANN not in members(stage) and ANN not in stage.team("Sales")


@pytest.mark.parametrize("build", [SELF_HOSTED_2025_12, HOSTED_2026])
async def test_the_daemon_learns_once_that_a_build_ends_team_memberships(stage, build):
    await on_sales(stage, build, "ann", "bob", "cem", "dan")

    for name in ("ann", "bob"):
        await stage.okta.deactivate(address(name))
        stage.simulation.calls.clear()
        await stage.push()

    assert (await build_traits.load(stage.db, "acme")).clears_teams is True
    one = "GET /v2/organizations/#/teams/#/memberships/#"
    assert not stage.simulation.calls[one]


async def test_a_build_is_also_found_out_by_the_profile_of_a_leaver_on_no_mapped_team(stage):
    stage.world.build = BEFORE_2025_08_18
    await assigned(stage, "ann", "bob")
    await stage.full()
    stage.world.put_on_team("Engineering", ANN)

    await stage.okta.deactivate(ANN)
    await stage.full()

    assert ANN not in stage.team("Engineering")
    assert (await build_traits.load(stage.db, "acme")).clears_teams is False


async def test_a_pending_leaver_teaches_nothing_about_the_build(stage):
    stage.world.build = BEFORE_2025_08_18
    stage.world.add_person(ANN, accepted=False, profile=False)
    await assigned(stage, "ann", "bob")
    await stage.full()

    await stage.okta.deactivate(ANN)
    await stage.full()

    assert await build_traits.load(stage.db, "acme") == BuildTraits()


def nothing_known_of_the_number(stage):
    """Make the id of a membership unknown, as after an answer without it."""
    members = stage.reconciler.view.teams[stage.team_id("Sales")]
    user = stage.world.user_id(ANN)
    members[user] = replace(members[user], membership=UNKNOWN)


@pytest.mark.parametrize(
    ("before", "learned"),
    [
        (lambda stage: stage.world.remove_from_org(ANN), None),
        (lambda stage: stage.world.take_off_team("Sales", ANN), False),
        (nothing_known_of_the_number, False),
    ],
    ids=["removed by hand", "taken off the team by hand", "membership without a number"],
)
async def test_a_leaver_without_team_memberships_teaches_the_daemon_nothing_wrong(
    stage, before, learned
):
    await on_sales(stage, BEFORE_2025_08_18, "ann", "bob", "cem")
    await stage.full()
    before(stage)

    await stage.okta.deactivate(ANN)
    await stage.push()

    assert (await build_traits.load(stage.db, "acme")).clears_teams is learned


async def test_a_list_that_lags_teaches_nothing_wrong_about_the_build(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann", "bob", "cem")
    await stage.full()
    stage.world.lag(seconds=3600)
    stage.simulation.calls.clear()

    await stage.okta.deactivate(ANN)
    await stage.push()

    assert (await build_traits.load(stage.db, "acme")).clears_teams is True
    assert not stage.simulation.calls["GET /v2/organizations/#/teams/#/memberships"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(method="GET", path="/teams/", status=500, times=1, skip=1),
        Fault(method="DELETE", path="/memberships/", kind="drop-after", times=1),
    ],
    ids=["the look fails", "the answer is lost"],
)
@pytest.mark.parametrize("restarted", [True, False])
async def test_a_later_pass_ends_the_leftover_memberships_of_a_leaver(stage, fault, restarted):
    await on_sales(stage, BEFORE_2025_08_18, "ann", "bob", "cem")
    stage.simulation.faults = [replace(fault)]

    await stage.okta.deactivate(ANN)
    await stage.push()
    if restarted:
        await stage.restart()
    stage.simulation.faults = []
    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")
    for _ in range(2):
        await stage.full()

    assert ANN not in members(stage)
    assert ANN not in stage.team("Sales")
    assert (await stage.full()).in_sync


async def test_build_traits_are_learned_again_after_a_week(stage):
    await on_sales(stage, BEFORE_2025_08_18, "ann", "bob", "cem", "dan")
    await stage.okta.deactivate(ANN)
    await stage.full()
    stage.world.build = SELF_HOSTED_2025_12
    await stage.db.execute(
        "UPDATE calscim.build_traits SET learned_at = learned_at - interval '8 days'"
    )
    assert await build_traits.load(stage.db, "acme") == BuildTraits()

    await stage.okta.deactivate(address("bob"))
    await stage.full()

    assert await build_traits.load(stage.db, "acme") == BuildTraits(clears_teams=True)
