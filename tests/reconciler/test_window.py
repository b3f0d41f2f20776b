"""Limits count over a window of time: single removals of every cause add up."""

import pytest

from calscim.planner.render import seats_json
from calscim.planner.safeguards.limits import Guards, Limit
from calscim.reconciler.state import holds
from calscim.testing.calcom.faults import Fault
from tests.support.stage import address, addresses
from tests.support.views import status

DAY = Guards().window
NAMES = [f"p{number:02}" for number in range(20)]
EVERYTHING = Limit(count=10_000)


async def twenty(stage, mode="managed", **limits):
    """Twenty people in Sales; limits count over a day, and only those given are low."""
    wide = dict.fromkeys(
        ("max_removals_per_team", "max_removals_per_organization", "max_deprovisions"), EVERYTHING
    )
    stage.guard(window=DAY, **{**wide, "drift_removals": EVERYTHING, **limits})
    await stage.given("Sales", mode, *NAMES)


def there(stage):
    return len(stage.team("Sales"))


async def held(stage):
    return [(hold.guard, len(hold.actions)) for hold in await holds.load_current(stage.db, "acme")]


async def test_successive_removals_over_the_limit_are_held(stage):
    await twenty(stage, max_removals_per_team=Limit(percent=30))

    for name in NAMES[:10]:
        await stage.okta.remove_members("Sales", [address(name)])
        await stage.push()

    assert there(stage) == 14
    [(guard, count)] = await held(stage)
    assert count == 4
    assert "4 members of 20" in guard and "after 6 within the window" in guard


@pytest.mark.parametrize("outcome", ["lost", "gone"])
async def test_a_removal_counts_although_its_answer_does_not_show_who_did_it(stage, outcome):
    """A lost connection, and the 404 to a call that a proxy repeated."""
    await twenty(stage, max_deprovisions=Limit(count=1))
    kind = "drop-after" if outcome == "lost" else "twice"
    stage.simulation.faults = [Fault(method="DELETE", path="/memberships/", kind=kind, times=1)]

    for name in NAMES[:2]:
        await stage.okta.deactivate(address(name))
        await stage.full()

    assert address(NAMES[0]) not in stage.world.snapshot()["people"]
    assert address(NAMES[1]) in stage.world.snapshot()["people"]
    [(guard, _)] = await held(stage)
    assert "after 1 within the window" in guard


async def test_a_shrinking_list_counts_as_single_removals_do(stage):
    await twenty(stage, max_removals_per_team=Limit(percent=30))

    for left in range(18, 8, -2):
        await stage.okta.push_now("Sales", addresses(*NAMES[:left]))
        await stage.push()

    assert there(stage) == 14


async def test_several_groups_of_one_team_share_its_limit(stage):
    stage.guard(window=DAY, max_removals_per_organization=EVERYTHING)
    for group, names in (("A", NAMES[:10]), ("B", NAMES[10:])):
        await stage.map(group, stage.team_id("Sales"), "managed")
        for name in names:
            await stage.okta.assign(address(name), name, "Example")
        await stage.okta.push_group(group, addresses(*names))
    await stage.full()

    for group, names in (("A", NAMES[:5]), ("B", NAMES[10:15])):
        for name in names:
            await stage.okta.remove_members(group, [address(name)])
            await stage.push()

    assert there(stage) == 14


async def test_successive_deactivations_over_the_limit_are_held(stage):
    await twenty(stage, max_deprovisions=Limit(percent=10))

    for name in NAMES[:5]:
        await stage.okta.deactivate(address(name))
        await stage.push()

    assert len(stage.people()) == 19  # with the owner: 10% of 21 are two
    [(guard, count)] = await held(stage)
    assert count == 3 and "would leave the organization" in guard


async def test_memberships_that_ended_with_a_deprovision_leave_less_room_on_the_team(stage):
    await twenty(stage, max_removals_per_team=Limit(count=3))
    for name in NAMES[:2]:
        await stage.okta.deactivate(address(name))
        await stage.push()

    for name in NAMES[2:6]:
        await stage.okta.remove_members("Sales", [address(name)])
        await stage.push()

    assert there(stage) == 17


async def test_successive_drift_removals_over_the_limit_are_held(stage):
    await twenty(stage, "exclusive", drift_removals=Limit(count=2))

    for number in range(4):
        email = address(f"stranger{number}")
        stage.world.add_person(email)
        stage.world.put_on_team("Sales", email)
        await stage.full()

    assert there(stage) == 22
    assert "although no push asked for that" in (await held(stage))[0][0]


async def test_unmapping_counts_for_the_organization(stage):
    await twenty(stage, max_removals_per_organization=Limit(count=4))
    for name in NAMES[:3]:
        await stage.okta.remove_members("Sales", [address(name)])
        await stage.push()

    await stage.okta.push_now("Sales", [])
    await stage.full()

    assert there(stage) == 17
    assert "after 3 within the window" in (await held(stage))[0][0]


async def test_approved_actions_do_not_count_towards_limits(stage):
    await twenty(stage, max_removals_per_team=Limit(count=2))
    await stage.okta.push_now("Sales", addresses(*NAMES[5:]))
    await stage.full()
    assert there(stage) == 20
    for hold in await holds.load_current(stage.db, "acme"):
        await holds.approve(stage.db, "acme", hold.hash)
    await stage.full()
    assert there(stage) == 15

    for name in NAMES[5:9]:
        await stage.okta.remove_members("Sales", [address(name)])
        await stage.push()

    assert there(stage) == 13
    assert "after 2 within the window" in (await held(stage))[0][0]


async def test_the_window_survives_another_daemon(stage):
    await twenty(stage, max_removals_per_team=Limit(count=2))
    for name in NAMES[:2]:
        await stage.okta.remove_members("Sales", [address(name)])
        await stage.push()
    await stage.restart()

    await stage.okta.remove_members("Sales", [address(NAMES[2])])
    await stage.full()

    assert there(stage) == 18


async def test_the_window_rolls_on(stage):
    await twenty(stage, max_removals_per_team=Limit(count=2))
    for name in NAMES[:3]:
        await stage.okta.remove_members("Sales", [address(name)])
        await stage.push()
    assert there(stage) == 18

    await stage.db.execute("UPDATE calscim.actions SET begun_at = begun_at - interval '25 hours'")
    await stage.full()

    assert there(stage) == 17


async def test_a_removal_that_cal_com_refused_is_not_counted(stage):
    from calscim.testing.calcom.calcom import Fault

    await twenty(stage, max_removals_per_team=Limit(count=1))
    stage.simulation.faults = [Fault(method="DELETE", path="/teams/", status=403, times=1)]
    await stage.okta.remove_members("Sales", [address(NAMES[0])])
    await stage.push()
    assert there(stage) == 20

    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now(), refused = false")
    await stage.full()

    assert there(stage) == 19


async def test_a_size_is_that_of_the_windows_start(stage):
    await twenty(stage, max_removals_per_team=Limit(percent=10))
    await stage.db.execute("UPDATE calscim.actions SET begun_at = begun_at - interval '25 hours'")
    more = [f"q{number:02}" for number in range(20)]
    for name in more:
        await stage.okta.assign(address(name), name, "Example")
    await stage.okta.add_members("Sales", addresses(*more))
    await stage.full()
    assert there(stage) == 40

    await stage.okta.remove_members("Sales", addresses(*NAMES[:3]))
    await stage.full()

    assert there(stage) == 40  # 10% of the 20 that there were
    assert "3 members of 20" in (await held(stage))[0][0]


# -------------------------------------------------------------------- additions


async def test_more_new_people_than_allowed_are_held_with_their_teams(stage):
    stage.guard(window=DAY, max_new_people=Limit(count=2))
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    for name in NAMES[:3]:
        await stage.okta.assign(address(name), name, "Example")
    await stage.okta.push_group("Sales", addresses(*NAMES[:3]))

    await stage.full()

    assert len(stage.people()) == 1
    [(guard, count)] = await held(stage)
    assert count == 6 and "max_new_people (2) allows 2" in guard
    for hold in await holds.load_current(stage.db, "acme"):
        await holds.approve(stage.db, "acme", hold.hash)
    await stage.full()
    assert there(stage) == 3
    assert await held(stage) == []


async def test_successive_new_people_over_the_limit_are_held(stage):
    stage.guard(window=DAY, max_new_people=Limit(count=2))

    for name in NAMES[:5]:
        await stage.okta.assign(address(name), name, "Example")
        await stage.push()

    assert len(stage.people()) == 3


async def test_new_people_have_no_limit_by_default(stage):
    stage.guard(window=DAY)

    for name in NAMES:
        await stage.okta.assign(address(name), name, "Example")
    await stage.full()

    assert len(stage.people()) == 21


# -------------------------------------------------------------------- keepers of the keys


@pytest.mark.parametrize("who", ["owner", "second"])
async def test_a_new_address_of_an_owner_is_held_until_it_is_approved(stage, who):
    email = address(who)
    if who == "second":
        stage.world.add_person(email, role="OWNER")
    await stage.okta.assign(email, "Olive", "Owner")
    await stage.full()

    new = address("mallory")
    await stage.okta.update_profile(
        email, userName=new, emails=[{"value": new, "primary": True, "type": "work"}]
    )
    await stage.full()

    assert stage.world.account(new) is None
    [hold] = await holds.load_current(stage.db, "acme")
    assert "another mailbox" in hold.guard
    await holds.approve(stage.db, "acme", hold.hash)
    await stage.full()
    assert stage.world.account(new) is not None
    assert (await stage.full()).in_sync


# -------------------------------------------------------------------- what is shown


async def test_status_shows_how_much_of_each_limit_is_used(stage):
    await twenty(stage, max_removals_per_team=Limit(percent=30))
    for name in NAMES[:2]:
        await stage.okta.remove_members("Sales", [address(name)])
        await stage.push()

    [organization] = (await status(stage.db, ["acme"]))["organizations"]

    team = stage.team_id("Sales")
    assert {
        "limit": "max_removals_per_team",
        "team_id": team,
        "team": "Sales",
        "used": 2,
        "allowed": 6,
        "size": 20,
    } in organization["limits"]


async def test_a_plan_shows_the_seats_now_and_after(stage):
    await twenty(stage)
    await stage.okta.assign(address("new"), "New", "Example")
    await stage.okta.deactivate(address(NAMES[0]))
    await stage.okta.deactivate(address(NAMES[1]))

    assert seats_json(await stage.plan()) == {"now": 21, "after": 20, "difference": -1}
