"""Okta's pushes change Cal.com's teams: real HTTP, real Postgres, the simulated Cal.com."""

import pytest

from calscim import admin
from calscim.reconciler.state import parked_actions
from calscim.testing.calcom import builds
from tests.support.stage import PEOPLE, address, addresses, assigned
from tests.support.views import status


@pytest.fixture(params=["custom", "oin"])
def style(request, stage):
    stage.okta.style = request.param
    return request.param


async def test_a_pushed_group_puts_its_users_on_the_mapped_team(stage, style):
    await stage.full()
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, "ann", "bob")
    await stage.okta.push_group("Sales", addresses("ann", "bob"))

    await stage.push()

    assert stage.team("Sales") == {address("ann"): "MEMBER", address("bob"): "MEMBER"}
    assert (await stage.full()).in_sync


async def test_a_mapping_made_after_the_push_takes_effect_without_another(stage, style):
    await assigned(stage, "ann")
    await stage.okta.push_group("Sales", addresses("ann"))
    await stage.full()
    await stage.map("Sales", stage.team_id("Sales"), "managed")

    await stage.push()

    assert stage.team("Sales") == {address("ann"): "MEMBER"}


async def test_a_user_who_leaves_the_group_leaves_the_team(stage, style):
    await stage.given("Sales", "managed", "ann", "bob")

    await stage.okta.remove_members("Sales", addresses("ann"))
    await stage.push()

    assert stage.team("Sales") == {address("bob"): "MEMBER"}


async def test_the_last_source_out_removes(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.map("Sales EU", stage.team_id("Sales"), "managed")
    await stage.okta.push_group("Sales EU", addresses("ann"))
    await stage.push()

    await stage.okta.push_now("Sales", [])
    await stage.push()
    assert address("ann") in stage.team("Sales")

    await stage.okta.push_now("Sales EU", [])
    await stage.push()
    assert stage.team("Sales") == {}


async def test_a_renamed_group_keeps_its_team_and_the_old_name_gets_nothing(stage, style):
    await stage.given("Sales", "managed", "ann")

    await stage.okta.rename_group("Sales", "Sales Europe")
    await assigned(stage, "bob")
    await stage.okta.push_group("Sales", addresses("bob"))
    await stage.push()

    assert stage.team("Sales") == {address("ann"): "MEMBER"}


async def test_a_group_renamed_to_a_waiting_mapping_brings_its_members(stage, style):
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, "ann")
    await stage.okta.push_group("Other", addresses("ann"))
    await stage.full()

    await stage.okta.rename_group("Other", "Sales")
    await stage.push()

    assert stage.team("Sales") == {address("ann"): "MEMBER"}


async def test_a_mapping_of_a_deleted_group_waits_for_the_last_name_of_the_group(stage, style):
    await stage.given("Sales", "managed", "ann")
    await stage.okta.rename_group("Sales", "Sales Europe")
    await stage.okta.rename_group("Sales Europe", "Sales EMEA")
    await stage.okta.delete_group("Sales EMEA")
    await stage.push()
    assert stage.team("Sales") == {}

    await stage.okta.push_group("Sales", addresses("ann"))
    await stage.push()
    assert stage.team("Sales") == {}

    await stage.okta.push_group("Sales EMEA", addresses("ann"))
    await stage.push()
    assert stage.team("Sales") == {address("ann"): "MEMBER"}


async def test_the_first_name_of_a_renamed_group_can_be_mapped_to_its_team_again(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.okta.rename_group("Sales", "Sales Europe")
    await assigned(stage, "bob")
    await stage.okta.push_group("Sales", addresses("bob"))

    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await stage.push()

    assert stage.team("Sales").keys() == set(addresses("ann", "bob"))


async def test_a_mapping_keeps_its_group_name_if_another_mapping_of_the_team_has_the_new_one(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.map("Sales Europe", stage.team_id("Sales"), "managed", "ADMIN")

    await stage.okta.rename_group("Sales", "Sales Europe")
    await stage.push()
    assert stage.team("Sales") == {address("ann"): "ADMIN"}

    await stage.okta.delete_group("Sales Europe")
    waiting = {row.group_name: row.state for row in await admin.mappings(stage.db)}
    assert waiting == {"Sales": "waiting", "Sales Europe": "waiting"}


async def test_a_rename_binds_a_waiting_mapping_beside_a_bound_one(stage, style):
    await stage.given("Sales", "managed", "ann")
    await stage.map("Everyone", stage.team_id("Engineering"), "managed")

    await stage.okta.rename_group("Sales", "Everyone")
    await stage.push()

    assert stage.team("Sales") == stage.team("Engineering") == {address("ann"): "MEMBER"}


async def test_memberships_of_a_deleted_group_are_removed(stage):
    await stage.given("Sales", "managed", "ann")

    await stage.okta.delete_group("Sales")
    await stage.push()

    assert stage.team("Sales") == {}
    assert address("ann") in stage.world.snapshot()["people"]


async def test_unmapping_takes_back_in_managed_and_leaves_in_add_only(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.given("Engineering", "add-only", "bob")

    for mapping in await admin.mappings(stage.db):
        await admin.remove_mapping(stage.db, stage.editor, mapping)
    await stage.push()
    await stage.full()

    assert stage.team("Sales") == {}
    assert stage.team("Engineering") == {address("bob"): "MEMBER"}


async def test_deactivated_people_lose_the_organization_and_come_back_with_their_teams(
    stage, style
):
    await stage.given("Sales", "managed", "ann", "bob")

    await stage.okta.deactivate(address("ann"))
    await stage.push()
    gone = stage.world.snapshot()
    await stage.okta.reactivate(address("ann"))
    await stage.push()
    await stage.full()

    assert address("ann") not in gone["people"]
    assert gone["teams"]["Sales"] == {address("bob"): "MEMBER"}
    assert stage.world.accounts_deleted == 0
    assert address("ann") in stage.team("Sales")


async def test_a_user_created_inactive_is_not_invited(stage):
    await stage.okta.assign(address("ann"), "Ann", "Example", active=False)

    await stage.full()

    assert stage.world.account(address("ann")) is None
    assert stage.world.mails == []


async def test_an_e_mail_change_updates_the_same_account(stage):
    await stage.given("Sales", "managed", "ann")
    account = stage.world.user_id(address("ann"))

    new = address("ann.lee")
    await stage.okta.update_profile(
        address("ann"), userName=new, emails=[{"value": new, "primary": True, "type": "work"}]
    )
    await stage.push()

    assert stage.world.user_id(new) == account
    assert stage.team("Sales") == {new: "MEMBER"}
    assert (await stage.full()).in_sync


# ------------------------------------------------------------------ people who were there before


async def test_people_of_cal_com_are_shown_to_the_import_and_linked_when_okta_pushes_them(stage):
    account = stage.world.add_person(address("old"), name="Olga Old")
    await stage.full()

    shown = {one["userName"]: one for one in await stage.okta.import_users()}
    assert shown[address("old")]["name"] == {"givenName": "Olga", "familyName": "Old"}
    assert shown[address("old")]["active"] is True

    await assigned(stage, "old")
    await stage.push()
    await stage.okta.deactivate(address("old"))
    await stage.push()

    assert stage.world.accounts[account].profile is False
    assert address("old") not in stage.world.snapshot()["people"]


async def test_imported_people_stay_unmanaged_until_okta_writes_and_are_dropped_when_they_leave(
    stage,
):
    stage.world.add_person(address("old"), name="Olga Old")
    await stage.full()
    stage.world.remove_from_org(address("old"))

    for _ in range(3):
        await stage.full()

    assert address("old") not in {one["userName"] for one in await stage.okta.import_users()}


@pytest.mark.parametrize("build", builds.NAMES)
async def test_an_account_outside_the_organization_is_attached_or_parked_with_the_reason(
    stage, build
):
    stage.world.build = build
    stage.world.add_person(address("ann"), name="Ann", in_org=False)
    await assigned(stage, "ann", "bob")

    await stage.full()

    people = stage.world.snapshot()["people"]
    assert address("bob") in people
    assert (address("ann") in people) == (build == builds.HOSTED_2026)
    stuck = await parked_actions.load(stage.db, "acme")
    assert [entry.email for entry in stuck.values()] == (
        [] if build == builds.HOSTED_2026 else [address("ann")]
    )


async def test_a_pending_person_is_waited_for_and_put_on_teams_after_accepting(stage):
    stage.world.auto_accept_domains = frozenset({"other.example"})
    stage.world.add_person(address("ann"), name="Ann", in_org=False)
    await stage.full()
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, "ann")
    await stage.okta.push_group("Sales", addresses("ann"))
    await stage.push()

    await stage.full()
    waiting = (await status(stage.db, ["acme"]))["organizations"][0]["waiting"]
    stage.world.accept(address("ann"))
    await stage.full()

    assert [entry["email"] for entry in waiting] == [address("ann")]
    assert stage.team("Sales") == {address("ann"): "MEMBER"}


# ------------------------------------------------------------------ what it costs


async def test_an_idle_pass_costs_a_read_a_list_and_no_write(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.full()
    stage.simulation.calls.clear()

    await stage.full()

    assert dict(stage.simulation.calls) == {
        "GET /v2/me": 1,
        "GET /v2/organizations/#/memberships": 1,
        "GET /v2/organizations/#/teams": 1,
        "GET /v2/organizations/#/teams/#/memberships": 1,
    }


async def test_one_pushed_member_costs_at_most_three_reads_and_its_write(stage):
    await stage.given("Sales", "managed", "ann")
    await assigned(stage, "bob")
    await stage.push()
    stage.simulation.calls.clear()

    await stage.okta.add_members("Sales", addresses("bob"))
    await stage.push()

    reads = sum(n for call, n in stage.simulation.calls.items() if call.startswith("GET"))
    writes = sum(n for call, n in stage.simulation.calls.items() if not call.startswith("GET"))
    assert writes == 1
    assert reads <= 3
