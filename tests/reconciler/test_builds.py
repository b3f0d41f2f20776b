"""Returning people, deleted accounts, and teams on the builds of Cal.com."""

import pytest
from structlog.testing import capture_logs

from calscim import admin
from calscim.testing.calcom import preferences
from calscim.testing.calcom.builds import BEFORE_2025_08_18, HOSTED_2026, SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import Fault
from tests.support.builds import members, on_sales, waiting
from tests.support.stage import address, assigned

ANN = address("ann")


def accounts(stage, email):
    return [one for one in stage.world.accounts.values() if one.email.casefold() == email]


# -------------------------------------------------------------------- coming back


async def test_a_user_who_comes_back_is_attached_pending_and_goes_on_after_accepting(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann", "bob", "cem")
    account = stage.world.user_id(ANN)
    await stage.okta.deactivate(ANN)
    await stage.push()
    assert ANN not in members(stage)

    await stage.okta.reactivate(ANN)
    await stage.push()

    assert stage.world.user_id(ANN) == account
    assert members(stage)[ANN] is False
    report = await stage.full()
    assert report.parked == 0
    assert await waiting(stage) == {ANN: "has not accepted the invitation yet"}
    stage.world.accept(ANN)
    await stage.full()
    assert ANN in stage.team("Sales")
    assert (await stage.full()).in_sync


async def test_a_user_who_was_pending_comes_back_pending(stage):
    stage.world.build = SELF_HOSTED_2025_12
    stage.world.add_person(ANN, accepted=False)
    await assigned(stage, "ann")
    await stage.full()
    await stage.okta.deactivate(ANN)
    await stage.full()
    assert ANN not in members(stage)

    await stage.okta.reactivate(ANN)
    await stage.full()

    assert members(stage)[ANN] is False
    assert (await stage.full()).parked == 0


async def test_a_member_removed_by_hand_is_attached_pending(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann", "bob")
    stage.world.remove_from_org(ANN)

    for _ in range(4):
        report = await stage.full()

    assert members(stage)[ANN] is False
    assert report.parked == 0


async def test_a_new_user_with_the_address_of_a_leaver_gets_the_leavers_account(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann", "bob")
    account = stage.world.user_id(ANN)
    await stage.okta._call("DELETE", f"/Users/{stage.okta.users.pop(ANN)}")
    await stage.full()
    assert ANN not in members(stage)

    await assigned(stage, "ann")
    await stage.full()

    assert stage.world.user_id(ANN) == account
    assert members(stage)[ANN] is False


async def test_an_account_of_unknown_id_is_parked_with_an_instruction(stage):
    stage.world.build = SELF_HOSTED_2025_12
    stage.world.add_person(ANN, in_org=False)
    await assigned(stage, "ann")

    assert (await stage.full()).parked == 1
    [row] = await stage.db.fetch("SELECT reason FROM calscim.parked_actions")
    assert "invite the person by hand" in row["reason"]


async def test_a_profile_that_a_build_keeps_makes_the_return_complete(stage):
    await on_sales(stage, BEFORE_2025_08_18, "ann", "bob")
    await stage.okta.deactivate(ANN)
    await stage.full()

    await stage.okta.reactivate(ANN)
    await stage.full()
    await stage.full()

    assert members(stage)[ANN] is True
    assert ANN in stage.team("Sales")


# -------------------------------------------------------------------- accounts that are gone


@pytest.mark.parametrize("build", [SELF_HOSTED_2025_12, HOSTED_2026, BEFORE_2025_08_18])
async def test_an_account_that_was_deleted_in_cal_com_is_made_again(stage, build):
    await on_sales(stage, build, "ann", "bob")
    before = stage.world.user_id(ANN)
    stage.world.delete_account_of(ANN)

    for _ in range(5):
        await stage.full()

    assert stage.world.user_id(ANN) != before
    assert ANN in stage.team("Sales")
    assert (await stage.full()).in_sync


async def test_an_account_that_was_deleted_after_its_user_left_is_created_again(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann", "bob")
    await stage.okta.deactivate(ANN)
    await stage.full()
    stage.world.delete_account_of(ANN)

    await stage.okta.reactivate(ANN)
    await stage.push()
    await stage.full()

    assert members(stage)[ANN] is True
    assert ANN in stage.team("Sales")


# -------------------------------------------------------------------- addresses in mixed case


async def test_a_member_in_mixed_case_who_joined_since_the_last_pass_gets_no_second_account(stage):
    stage.world.build = SELF_HOSTED_2025_12
    await stage.full()
    stage.world.add_person("Ann@Acme.example")
    await stage.okta.assign("Ann@Acme.example", "Ann", "Example")

    await stage.push()

    assert len(accounts(stage, ANN)) == 1
    assert (await stage.full()).in_sync


async def test_a_member_in_any_case_is_found_in_the_list(stage):
    stage.world.build = SELF_HOSTED_2025_12
    stage.world.add_person("ANN@acme.example")
    await assigned(stage, "ann")

    await stage.full()

    assert len(accounts(stage, ANN)) == 1


async def test_many_new_people_are_looked_up_with_few_calls(stage):
    stage.world.build = SELF_HOSTED_2025_12
    await stage.full()
    names = [f"P{number:02}" for number in range(60)]
    await assigned(stage, *names)
    stage.simulation.calls.clear()

    await stage.push()

    assert len(members(stage)) == 61
    assert stage.simulation.calls["GET /v2/organizations/#/users"] == 3


# -------------------------------------------------------------------- preferences


@pytest.mark.parametrize("build", [SELF_HOSTED_2025_12, HOSTED_2026, BEFORE_2025_08_18])
async def test_a_locale_and_time_zone_in_oktas_spelling_are_converted(stage, build):
    stage.world.build = build
    await stage.okta.assign(ANN, "Ann", "Example", locale="en-US", timezone="US/Pacific")
    await stage.full()
    account = stage.world.account(ANN)
    assert (account.locale, account.time_zone) == ("en", "America/Los_Angeles")

    new = address("ann.lee")
    await stage.okta.update_profile(
        ANN, userName=new, emails=[{"value": new, "primary": True, "type": "work"}]
    )
    await stage.push()

    assert stage.world.account(new).id == account.id
    assert stage.simulation.writes[-1].body == {"email": new}


async def test_a_time_zone_that_cal_com_refuses_costs_neither_account_nor_team(stage, monkeypatch):
    monkeypatch.setattr(preferences, "_zones", frozenset)  # a build with another table of zones
    stage.world.build = SELF_HOSTED_2025_12
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await stage.okta.assign(ANN, "Ann", "Example", timezone="Europe/Vienna")
    await stage.okta.push_group("Sales", [ANN])

    report = await stage.full()

    assert ANN in stage.team("Sales")
    assert report.parked == 0
    [row] = await stage.db.fetch("SELECT detail FROM calscim.actions WHERE kind = 'user.create'")
    assert "Europe/Vienna" in row["detail"]


# -------------------------------------------------------------------- teams


async def test_a_pending_team_membership_is_accepted_and_shown(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann", "bob")
    world = stage.world
    membership = world.find(world.user_id(ANN), world.team_id("Sales"))
    world.change(membership, accepted=False)

    planned = await stage.plan()
    await stage.full()

    assert [one.kind.value for one in planned.actions] == ["member.accept"]
    assert world.find(world.user_id(ANN), world.team_id("Sales")).accepted is True
    assert (await stage.full()).in_sync


async def test_a_team_that_was_renamed_in_cal_com_shows_its_new_name(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann")
    team = stage.world.teams[stage.team_id("Sales")]
    team.name = "Field sales"

    await stage.full()

    [mapping] = await admin.mappings(stage.db, organization="acme")
    assert mapping.team_name == "Field sales"


async def test_300_teams_are_listed_whole_by_a_build_that_does_not_page(stage):
    stage.world.build = SELF_HOSTED_2025_12
    for number in range(300):
        stage.world.add_team(f"Team {number}")
    await stage.given("Sales", "managed", "ann")
    stage.simulation.calls.clear()

    report = await stage.full()

    assert report.in_sync
    assert stage.simulation.calls["GET /v2/organizations/#/teams"] <= 1


async def test_a_key_that_may_not_list_users_can_do_everything_else(stage):
    stage.simulation.faults = [
        Fault(method="GET", path="/organizations/42/users", status=403, times=-1)
    ]

    await stage.given("Sales", "managed", "ann", "bob")

    assert (await stage.full()).in_sync


async def test_a_deleted_team_without_a_mapping_is_forgotten(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann", "bob")
    [mapping] = await admin.mappings(stage.db, organization="acme")
    stage.world.remove_team("Sales")
    await admin.remove_mapping(stage.db, stage.editor, mapping)

    for _ in range(4):
        report = await stage.full()

    assert report.complete and report.in_sync


async def test_a_refused_preference_is_logged(stage, monkeypatch):
    monkeypatch.setattr(preferences, "_zones", frozenset)
    stage.world.build = SELF_HOSTED_2025_12
    await stage.okta.assign(ANN, "Ann", "Example", timezone="Europe/Vienna")

    with capture_logs() as logs:
        await stage.full()

    [entry] = [one for one in logs if one["event"] == "reconcile.preference_refused"]
    assert "Europe/Vienna" in entry["reason"]
