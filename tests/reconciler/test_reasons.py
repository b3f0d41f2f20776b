"""explain covers unusual cases and deleted users."""

import pytest

from calscim import admin
from calscim.errors import RemoteError, UsageError
from calscim.planner.modes import Provision
from calscim.testing.calcom.calcom import Fault
from tests.support.views import explain, status

ANN, BOB = "ann@acme.example", "bob@acme.example"


async def told(stage, person, team="Sales"):
    return await explain(stage.db, stage.settings, stage.organization, person, team)


async def because(stage, person, team="Sales"):
    return (await told(stage, person, team))["because"]


async def deleted(stage, email):
    await stage.okta._call("DELETE", f"/Users/{stage.okta.users[email]}")


async def test_explain_does_not_show_a_deactivated_user_on_the_team(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    await stage.okta.deactivate(ANN)
    await stage.push()

    found = await told(stage, ANN)

    assert found["because"].startswith(
        "not on the team: the provider says that this user is not active"
    )
    assert next(action["kind"] for action in found["actions"]) == "user.deprovision"


async def test_explain_says_that_an_exclusive_team_excludes_users_without_a_group(stage):
    stage.organize(provision_people=Provision.MAPPED)
    await stage.given("Sales", "managed", "ann", "bob")
    await stage.okta.remove_members("Sales", [ANN])
    await stage.push()

    found = await told(stage, ANN, None)

    assert (found["desired"], found["observed"]) == (None, None)
    assert "in no mapped group" in found["because"]
    assert (await told(stage, BOB, None))["desired"] == "MEMBER"


async def test_the_role_that_is_wanted_is_said_of_a_pending_member(stage):
    await stage.map("Sales", stage.team_id("Sales"), "exclusive", role="ADMIN")
    await stage.okta.assign(ANN, "Ann", "Example")
    await stage.okta.push_group("Sales", [ANN])
    await stage.full()
    stage.world.set_role("Sales", ANN, "MEMBER")
    stage.world.make_pending("Sales", ANN)

    found = await told(stage, ANN)

    assert (found["desired"], found["observed"]) == ("ADMIN", "MEMBER")


async def test_a_team_that_cannot_be_read_is_said_so(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    path = f"/teams/{stage.team_id('Sales')}/memberships"
    stage.simulation.faults = [Fault(method="GET", path=path, times=-1)]

    assert (await because(stage, ANN)).startswith("unknown now: the members of team")
    [shown] = (await told(stage, ANN, None))["teams"]
    assert shown["because"].startswith("unknown now: the members of team")


async def test_a_membership_waits_for_an_invitation_that_is_parked(stage):
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await stage.okta.assign(ANN, "Ann", "Example")
    await stage.okta.push_group("Sales", [ANN])
    stage.simulation.faults = [Fault(method="POST", path="/users", status=500)]
    await stage.full()

    assert (await because(stage, ANN)).startswith(
        "member.add waits for the account, user.create is parked until "
    )


async def test_an_action_parked_for_one_team_is_not_reported_for_another(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.given("Engineering", "managed", "ann")
    for team in ("Sales", "Engineering"):
        stage.world.take_off_team(team, ANN)
    path = f"/teams/{stage.team_id('Sales')}/memberships"
    stage.simulation.faults = [Fault(method="POST", path=path, status=500)]
    await stage.full()
    stage.world.take_off_team("Engineering", ANN)

    assert (await because(stage, ANN)).startswith("member.add is parked until ")
    assert (await because(stage, ANN, "Engineering")).startswith("member.add (run): ")


async def test_explain_names_the_deleted_group_or_mapping_that_removed_a_user(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.given("Engineering", "managed", "ann")
    await stage.okta.delete_group("Sales")
    [mapping] = [one for one in await admin.mappings(stage.db) if one.group_name == "Engineering"]
    await admin.remove_mapping(stage.db, stage.editor, mapping)
    await stage.push()

    assert "was in Sales, which the provider deleted (journal " in await because(stage, ANN)
    assert "Engineering is not mapped to this team any more" in await because(
        stage, ANN, "Engineering"
    )


async def test_an_invited_user_is_wanted_on_the_team_until_they_accept(stage):
    stage.world.auto_accept_domains = frozenset()
    stage.world.add_person(ANN, name="Ann", in_org=False)
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await stage.okta.assign(ANN, "Ann", "Example")
    await stage.okta.push_group("Sales", [ANN])
    await stage.full()

    found = await told(stage, ANN)

    assert (found["desired"], found["observed"]) == ("MEMBER", None)
    assert found["because"] == "waiting: has not accepted the invitation yet"


async def test_a_role_is_explained_by_the_groups_that_give_it(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.map("Leads", stage.team_id("Sales"), "managed", role="ADMIN")
    await stage.okta.push_group("Leads", [ANN])

    [action] = (await stage.plan()).actions

    assert action.reason.startswith("Leads (journal ")
    assert "Sales (journal " not in action.reason


async def test_a_deleted_user_is_not_imported_by_the_pass_that_removes_them(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    await deleted(stage, ANN)

    await stage.full()

    assert ANN not in stage.people()
    assert ANN not in {one["userName"] for one in await stage.okta.import_users()}
    assert (await because(stage, ANN)).startswith("not on the team: the provider deleted this user")


async def test_status_shows_unread_objects(stage):
    await stage.given("Sales", "managed", "ann")
    stage.simulation.faults = [Fault(method="GET", path="memberships", times=-1)]
    await stage.full()

    [shown] = (await status(stage.db, ["acme"]))["organizations"]

    assert "could not be read" in shown["incomplete"][0]


async def test_a_team_may_be_named_by_its_slug(stage):
    stage.world.add_team("Support EU", slug="support-eu")

    assert (await told(stage, "owner@acme.example", "support-eu"))["team"]["name"] == "Support EU"


async def test_two_teams_of_one_name_are_refused_with_their_ids(stage):
    other = stage.world.add_team("Sales", slug="sales-2")

    with pytest.raises(UsageError) as raised:
        await told(stage, "owner@acme.example", "Sales")

    assert str(raised.value) == (
        "2 teams in Cal.com are called 'Sales': give the id of one instead: "
        f"{stage.team_id('Sales')} ('Sales', sales) or {other} ('Sales', sales-2)"
    )


async def test_a_team_that_is_not_there_is_refused_with_a_near_miss(stage):
    with pytest.raises(UsageError, match="did you mean Engineering"):
        await told(stage, "owner@acme.example", "Engeneering")


async def test_teams_that_cannot_be_listed_are_not_reported_as_missing(stage):
    stage.simulation.faults = [Fault(method="GET", path="/teams", times=-1)]

    with pytest.raises(RemoteError, match="teams could not be read"):
        await told(stage, "owner@acme.example")


async def test_a_member_that_add_only_keeps_does_not_count_as_added_by_hand(stage):
    await stage.given("Sales", "add-only", "ann", "bob")
    await stage.okta.remove_members("Sales", [ANN])
    await stage.push()

    assert (await because(stage, ANN)).startswith(
        "still on the team: calscim added this person, and add-only never removes; left Sales (journal "
    )
