"""`calscim team members` compares a team with its groups, and `team adopt` lets calscim remove what others added."""

import pytest

from calscim.admin.team_members import adopt_members, compare_team
from calscim.errors import RemoteError, UsageError
from calscim.testing.calcom.calcom import Fault
from tests.support.stage import EDITOR, address, addresses
from tests.support.views import explain


async def compare(stage):
    return await compare_team(stage.db, stage.settings, stage.organization, "sales")


async def sales(stage, mode="managed"):
    """Start with ann on the team by Cal.com's own sync, gus by hand, and ann and bob in the mapped group."""
    for name in ("ann", "gus"):
        stage.world.add_person(address(name))
        stage.world.put_on_team("Sales", address(name))
    await stage.map("Sales", stage.team_id("Sales"), mode)
    for name in ("ann", "bob"):
        await stage.okta.assign(address(name), name.capitalize(), "Example")
    await stage.okta.push_group("Sales", addresses("ann", "bob"))


async def test_the_comparison_shows_both_sides_and_the_maker_of_each_membership(stage):
    await sales(stage)
    await stage.full()

    compared = await compare(stage)

    assert [
        (member.email, member.role, member.wanted, member.groups, member.added_by)
        for member in compared.members
    ] == [
        (address("ann"), "MEMBER", "MEMBER", ("Sales",), "others"),
        (address("bob"), "MEMBER", "MEMBER", ("Sales",), "calscim"),
        (address("gus"), "MEMBER", None, (), "others"),
    ]
    assert [member.email for member in compared.adoptable] == [address("ann")]


async def test_an_adopted_member_leaves_the_team_with_the_group_and_a_stranger_stays(stage):
    await sales(stage)
    await stage.full()

    assert await adopt_members(stage.db, EDITOR, "acme", await compare(stage)) == 1
    await stage.full()
    assert [member.added_by for member in (await compare(stage)).members] == [
        "adopted",
        "calscim",
        "others",
    ]
    await stage.okta.remove_members("Sales", addresses("ann"))
    await stage.push()

    assert stage.team("Sales") == {address("bob"): "MEMBER", address("gus"): "MEMBER"}


async def test_adopting_twice_changes_nothing_more(stage):
    await sales(stage)
    await stage.full()
    await adopt_members(stage.db, EDITOR, "acme", await compare(stage))
    rows = await stage.db.fetchval("SELECT count(*) FROM calscim.journal")

    assert await adopt_members(stage.db, EDITOR, "acme", await compare(stage)) == 0
    assert await stage.db.fetchval("SELECT count(*) FROM calscim.journal") == rows


async def test_a_membership_that_no_pass_has_recorded_is_not_adopted(stage):
    await sales(stage)

    with pytest.raises(UsageError, match="run `calscim sync`"):
        await adopt_members(stage.db, EDITOR, "acme", await compare(stage))


async def test_an_owner_of_the_team_stays_after_being_adopted(stage):
    await sales(stage)
    stage.world.set_role("Sales", address("ann"), "OWNER")
    await stage.full()
    await adopt_members(stage.db, EDITOR, "acme", await compare(stage))

    await stage.okta.remove_members("Sales", addresses("ann"))
    await stage.push()

    assert stage.team("Sales")[address("ann")] == "OWNER"


async def test_a_team_that_cannot_be_read_completely_is_not_compared(stage):
    await sales(stage)
    path = f"/teams/{stage.team_id('Sales')}/memberships"
    stage.simulation.faults.append(Fault("GET", path, times=-1))

    with pytest.raises(RemoteError, match="the team's members could not be read"):
        await compare(stage)


async def test_a_team_without_mappings_has_only_members_of_others(stage):
    stage.world.add_person(address("gus"))
    stage.world.put_on_team("Sales", address("gus"))

    [member] = (await compare(stage)).members

    assert (member.email, member.wanted, member.added_by) == (address("gus"), None, "others")


async def test_a_role_that_calscim_raised_on_an_adopted_member_follows_the_groups(stage):
    await sales(stage)
    await stage.full()
    await adopt_members(stage.db, EDITOR, "acme", await compare(stage))
    await stage.map("Leads", stage.team_id("Sales"), "managed", "ADMIN")
    await stage.okta.push_group("Leads", addresses("ann", "bob"))
    await stage.full()
    assert stage.team("Sales")[address("ann")] == "ADMIN"

    await stage.okta.remove_members("Leads", addresses("ann"))
    await stage.push()

    assert stage.team("Sales")[address("ann")] == "MEMBER"


async def test_explain_says_that_a_member_whom_others_added_stays(stage):
    await sales(stage)
    await stage.full()

    async def because():
        told = await explain(stage.db, stage.settings, stage.organization, address("ann"), "Sales")
        return told["because"]

    assert "; added by others, so this person stays when the last group is gone" in await because()
    await adopt_members(stage.db, EDITOR, "acme", await compare(stage))
    assert "added by others" not in await because()
