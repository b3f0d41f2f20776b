"""explain covers people with several entries, all groups, and an unreachable Cal.com."""

import pytest
from rich.console import Console

from calscim.admin.explain import explain as explanations
from calscim.cli.explain import render_explanation
from calscim.errors import RemoteError, UsageError
from calscim.testing.calcom.calcom import Fault
from tests.support.stage import PEOPLE, address, addresses, assigned
from tests.support.views import explain

ANN = address("ann")


async def told(stage, person, team=None):
    return await explain(*question(stage, person, team))


def question(stage, person, team):
    return stage.db, stage.settings, stage.organization, person, team


async def text(stage, person, team=None):
    console = Console(width=2000)
    with console.capture() as written:
        console.print(
            render_explanation(await explanations.explain(*question(stage, person, team)))
        )
    return written.get()


async def pushed(stage, user_name, *, active=True, email=ANN):
    """Create another entry with that address; return its id."""
    body = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
        "displayName": user_name,
        "emails": [{"value": email, "primary": True, "type": "work"}],
        "active": active,
    }
    return (await stage.okta._call("POST", "/Users", body))["id"]


async def removed(stage, number):
    await stage.okta._call("DELETE", f"/Users/{number}")


# ------------------------------------------------------------------- several entries


async def deactivated(stage, number):
    operation = {"op": "replace", "path": "active", "value": False}
    await stage.okta._call("PATCH", f"/Users/{number}", {"Operations": [operation]})


@pytest.mark.parametrize("leaver_first", [True, False])
async def test_explain_shows_the_new_hire_before_the_leaver_with_the_same_address(
    stage, leaver_first
):
    numbers = await pushed(stage, "first"), await pushed(stage, "second")
    leaver, hire = numbers if leaver_first else reversed(numbers)
    await stage.full()
    await stage.full()  # both are recognised as the account
    await deactivated(stage, leaver)
    await stage.full()

    found = await told(stage, ANN)

    assert [one["id"] for one in found["entries"]] == [hire, leaver]
    assert found["person"]["id"] == hire
    assert [one["decides"] for one in found["entries"]] == [True, False]
    account = stage.world.user_id(ANN)
    assert [one["account"] for one in found["entries"]] == [account, account]
    assert found["entries"][1]["because"].startswith("not active: ")
    shown = await text(stage, ANN)
    assert f"2 of them share the Cal.com user {account}: " in shown
    assert leaver in shown


async def test_an_entry_that_was_never_active_shares_no_account(stage):
    hire = await pushed(stage, "hire")
    await pushed(stage, "draft", active=False)
    await stage.full()

    found = await told(stage, ANN)

    assert found["person"]["id"] == hire
    assert [one["account"] for one in found["entries"]] == [stage.world.user_id(ANN), None]
    assert found["entries"][1]["because"].startswith(
        "the provider says that this user is not active"
    )


async def test_two_active_entries_share_one_account_and_the_groups_of_both_count(stage):
    first, second = await pushed(stage, "first"), await pushed(stage, "second")
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await stage.full()
    for number in (first, second):
        other = await told(stage, number)
        assert len(other["entries"]) == 2
        assert other["person"]["id"] == number
    leads = max(first, second)  # not the one that decides
    await stage.okta._call(
        "POST", "/Groups", {"displayName": "Sales", "members": [{"value": leads}]}
    )
    await stage.full()

    found = await told(stage, ANN, "Sales")

    assert (found["desired"], found["observed"]) == ("MEMBER", "MEMBER")
    assert found["because"].startswith("on the team as wanted: member of Sales")


async def test_an_inactive_entry_gives_nothing_beside_an_active_one(stage):
    leaver = await pushed(stage, "leaver")
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await stage.okta._call(
        "POST", "/Groups", {"displayName": "Sales", "members": [{"value": leaver}]}
    )
    await deactivated(stage, leaver)
    await pushed(stage, "hire")
    await stage.full()

    found = await told(stage, ANN, "Sales")

    assert found["person"]["user_name"] == "hire"
    assert (found["desired"], found["observed"]) == (None, None)


async def test_a_deleted_entry_is_shown_after_those_that_are_there(stage):
    gone = await pushed(stage, "gone")
    await removed(stage, gone)
    here = await pushed(stage, "here")
    await stage.full()

    found = await told(stage, ANN)

    assert [one["id"] for one in found["entries"]] == [here, gone]
    assert found["entries"][1]["because"].startswith("the provider deleted this user (journal ")


async def test_explain_prints_no_table_for_a_single_entry(stage):
    await assigned(stage, "ann")
    await stage.full()

    assert len((await told(stage, ANN))["entries"]) == 1
    assert "entries go by this name" not in await text(stage, ANN)


# ------------------------------------------------------------------- groups


async def test_every_group_is_shown_and_which_mapping_may_be_meant(stage):
    await assigned(stage, "ann")
    await stage.okta.push_group("Sales EU", [ANN])
    await stage.okta.push_group("Chess", [ANN])
    await stage.map("Sales-EU", stage.team_id("Sales"), "managed")
    await stage.full()

    found = await told(stage, ANN, "Sales")

    groups = {one["group"]: one for one in found["groups"]}
    assert groups.keys() == {"Sales EU", "Chess"}
    assert [one["group"] for one in groups["Sales EU"]["near"]] == ["Sales-EU"]
    assert groups["Chess"]["near"] == []
    assert found["because"] == (
        "not on the team: in no group that is mapped to it; "
        f"mapping {groups['Sales EU']['near'][0]['id']} waits for a group called 'Sales-EU', "
        "and this person is in 'Sales EU'"
    )
    shown = await text(stage, ANN)
    assert "not mapped; mapping" in shown
    assert "Chess" in shown


async def test_a_group_inside_a_mapped_group_is_a_reason_to_be_on_the_team(stage):
    await assigned(stage, "ann")
    await stage.okta.push_group("Inner", [ANN])
    outer = {"displayName": "Outer", "members": [{"value": stage.okta.groups["Inner"]}]}
    await stage.okta._call("POST", "/Groups", outer)
    await stage.map("Outer", stage.team_id("Sales"), "managed")
    await stage.full()

    found = await told(stage, ANN, "Sales")

    assert found["because"].startswith("on the team as wanted: member of Outer (journal ")
    through = {one["group"]: one["through"] for one in found["groups"]}
    assert through == {"Inner": None, "Outer": "Inner"}


# ------------------------------------------------------------------- without Cal.com


def gone(stage):
    stage.simulation.faults = [Fault(status=503, times=-1)]


async def test_without_cal_com_explain_answers_from_the_database(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    gone(stage)

    found = await told(stage, ANN, "Sales")

    assert found["unreachable"] is not None
    assert found["person"]["email"] == ANN
    assert (found["desired"], found["observed"]) == ("MEMBER", None)
    assert found["because"].startswith("unknown now: ")
    assert (
        "according to the database: wanted on the team: member of Sales (journal "
        in found["because"]
    )
    assert found["because"].endswith("calscim added this person")
    assert [one["group"] for one in found["groups"]] == ["Sales"]
    shown = await text(stage, ANN)
    assert shown.startswith("without Cal.com: ")
    assert "an active user of the directory (journal " in shown


async def test_without_cal_com_explain_shows_held_parked_and_waiting_actions(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()
    gone(stage)

    because = (await told(stage, ANN, "Sales"))["because"]

    assert "not wanted on the team any more: left Sales (journal " in because
    assert "member.remove is held: 5 members of 5 would leave Sales" in because


async def test_without_cal_com_explain_covers_people_who_left(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    await removed(stage, stage.okta.users[ANN])
    await stage.full()
    gone(stage)

    found = await told(stage, ANN)

    assert "according to the database: the provider deleted this user" in found["because"]


async def test_without_cal_com_a_refused_key_is_no_obstacle(stage):
    await stage.given("Sales", "managed", "ann")
    stage.world.api_key = "another"

    assert "401" in (await told(stage, ANN))["unreachable"]


async def test_without_cal_com_a_team_is_known_by_its_mapping_alone(stage):
    await stage.given("Sales", "managed", "ann")
    gone(stage)

    number = stage.team_id("Sales")
    assert (await told(stage, ANN, str(number)))["team"] == {"id": number, "name": "Sales"}
    with pytest.raises(RemoteError, match="no mapping names the team 'Engineering'"):
        await told(stage, ANN, "Engineering")


async def test_without_cal_com_a_person_no_directory_knows_may_yet_exist(stage):
    gone(stage)

    with pytest.raises(RemoteError, match=r"Cal\.com cannot be read"):
        await told(stage, "who@acme.example")


async def test_with_cal_com_an_unknown_person_is_an_error(stage):
    with pytest.raises(UsageError, match=r"no directory of acme has .* no such account"):
        await told(stage, "who@acme.example")


async def test_an_outage_in_the_middle_of_a_pass_is_reported_as_unreachable(stage):
    await stage.given("Sales", "managed", "ann")
    assert addresses("ann") == [ANN]
    path = f"/teams/{stage.team_id('Sales')}/memberships"
    stage.simulation.faults = [Fault(method="GET", path=path, status=401, times=-1)]

    found = await told(stage, ANN)

    assert found["unreachable"] is not None
    assert found["desired"] == "MEMBER"


async def test_changes_of_another_entry_are_no_reason_for_this_entry(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    await stage.okta.deactivate(ANN)
    await stage.full()
    hire = await pushed(stage, "hire")
    await stage.full()

    found = await told(stage, ANN, "Sales")

    assert found["person"]["id"] == hire
    assert found["because"] == "not on the team: in no group that is mapped to it"
    assert "is not active" in found["entries"][1]["because"]
    assert f"Sales ({ANN})" in await text(stage, ANN)
