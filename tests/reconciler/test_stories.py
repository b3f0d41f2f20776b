"""From Okta's push to Cal.com's team and back: real HTTP, real Postgres, the simulated Cal.com."""

import threading
from dataclasses import replace

import pytest

from calscim import admin
from calscim.admin.approve import Stale, approve
from calscim.names import address_key
from calscim.planner.actions import State
from calscim.reconciler import approvals
from calscim.reconciler.state import holds, retries
from calscim.testing.calcom import builds
from tests.support.stage import PEOPLE, address, addresses, assigned
from tests.support.views import explain, status


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


async def test_a_mapping_waits_for_the_last_name_of_its_group(stage, style):
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


async def test_a_mapping_that_another_one_of_its_team_has_the_name_of_keeps_its_own(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.map("Sales Europe", stage.team_id("Sales"), "managed", "ADMIN")

    await stage.okta.rename_group("Sales", "Sales Europe")
    await stage.push()
    assert stage.team("Sales") == {address("ann"): "ADMIN"}

    await stage.okta.delete_group("Sales Europe")
    waiting = {row.group_name: row.state for row in await admin.mappings(stage.db)}
    assert waiting == {"Sales": "waiting", "Sales Europe": "waiting"}


async def test_a_waiting_mapping_is_bound_by_a_rename_beside_the_one_that_was_bound(stage, style):
    await stage.given("Sales", "managed", "ann")
    await stage.map("Everyone", stage.team_id("Engineering"), "managed")

    await stage.okta.rename_group("Sales", "Everyone")
    await stage.push()

    assert stage.team("Sales") == stage.team("Engineering") == {address("ann"): "MEMBER"}


async def test_a_deleted_group_takes_back_what_it_gave(stage):
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


# -------------------------------------------------------------------- drift and modes


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


async def test_observe_changes_nothing_and_says_what_it_would(stage):
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


async def test_a_role_in_the_organization_comes_and_goes_with_the_group(stage):
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


async def test_a_role_in_the_organization_goes_when_its_mapping_is_removed(stage):
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


# -------------------------------------------------------------------- people who were there before


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


async def test_imported_people_that_okta_never_wrote_to_are_left_alone_and_go_when_they_leave(
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
    stuck = await retries.parked(stage.db, "acme")
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


# -------------------------------------------------------------------- brakes


async def test_a_mass_removal_is_held_and_approved_exactly(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.push()
    await stage.full()
    [hold] = await holds.current(stage.db, "acme")
    assert len(stage.team("Sales")) == 5

    await approve(stage.db, stage.settings, [stage.organization], hold.hash)
    await stage.full()

    assert stage.team("Sales") == {}
    assert await holds.current(stage.db, "acme") == []


async def test_an_approval_of_a_world_that_has_changed_is_refused(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()
    [hold] = await holds.current(stage.db, "acme")
    stage.world.take_off_team("Sales", address("ann"))

    with pytest.raises(Stale):
        await approve(stage.db, stage.settings, [stage.organization], hold.hash)


async def test_an_approved_removal_goes_on_after_a_crash_in_the_middle(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()
    [hold] = await holds.current(stage.db, "acme")
    await approve(stage.db, stage.settings, [stage.organization], hold.hash)
    left = iter([False, False, True])
    await stage.reconciler.run_full(lambda: next(left, True))
    assert len(stage.team("Sales")) == 3

    await stage.restart()
    await stage.full()

    assert stage.team("Sales") == {}


async def test_owners_the_keys_own_user_and_protected_people_stay(stage):
    stage.organize(protected=frozenset({address_key(address("CEO"))}))
    await assigned(stage, "owner", "ceo", "ann")
    await stage.full()

    for name in ("owner", "ceo", "ann"):
        await stage.okta.deactivate(address(name))
    await stage.full()

    people = stage.world.snapshot()["people"]
    assert people == {address("owner"): "OWNER", address("ceo"): "MEMBER"}


async def test_a_user_who_became_an_owner_after_the_plan_is_not_deprovisioned(stage):
    await assigned(stage, "ann")
    await stage.full()
    stage.world.set_role(None, address("ann"), "OWNER")

    await stage.okta.deactivate(address("ann"))
    await stage.push()

    assert address("ann") in stage.world.snapshot()["people"]


# -------------------------------------------------------------------- what it costs


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


# -------------------------------------------------------------------- being told


async def test_explain_tells_the_truth(stage):
    await stage.given("Sales", "managed", "ann")

    told = await explain(stage.db, stage.settings, stage.organization, address("ann"), "Sales")

    assert (told["desired"], told["observed"]) == ("MEMBER", "MEMBER")
    assert told["because"].startswith("on the team as wanted: member of Sales (journal ")
    assert [source["group"] for source in told["sources"]] == ["Sales"]
    assert [entry["origin"] for entry in told["ledger"]] == ["added"]
    assert told["actions"][0]["outcome"] == "done"


async def test_explain_says_why_a_user_left(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    await stage.okta.remove_members("Sales", addresses("ann"))
    await stage.push()

    told = await explain(stage.db, stage.settings, stage.organization, address("ann"), "Sales")

    assert (told["desired"], told["observed"]) == (None, None)
    assert told["because"].startswith("not on the team: left Sales (journal ")


async def test_every_call_is_in_the_journal_under_the_pushs_request_id(stage):
    await stage.given("Sales", "managed", "ann")

    [push] = await stage.db.fetch(
        "SELECT request_id FROM calscim.journal WHERE stream = $1 AND resource_type = 'Group' "
        "AND method <> 'POST'",
        stage.directory.id,
    )
    rows = await stage.db.fetch(
        "SELECT kind, path FROM calscim.journal WHERE request_id = $1 ORDER BY at",
        push["request_id"],
    )

    assert [(row["kind"], row["path"]) for row in rows][1:] == [("calcom", "member.add")]


async def test_two_directories_of_one_organization_share_a_person(stage):
    await stage.given("Sales", "managed", "ann")
    second = await stage.another_directory("Second")
    await second.assign(address("ann"), "Ann", "Example")
    await stage.full()

    await stage.okta.deactivate(address("ann"))
    await stage.full()

    assert address("ann") in stage.world.snapshot()["people"]


async def test_a_first_import_costs_hardly_more_calls_than_people_and_memberships(stage):
    names = [f"p{number:02}" for number in range(30)]
    await stage.full()
    await stage.map("Sales", stage.team_id("Sales"), "managed")
    await assigned(stage, *names)
    await stage.okta.push_group("Sales", addresses(*names))
    stage.simulation.calls.clear()

    await stage.push()
    await stage.full()

    reads = sum(n for call, n in stage.simulation.calls.items() if call.startswith("GET"))
    writes = sum(n for call, n in stage.simulation.calls.items() if not call.startswith("GET"))
    assert writes == 2 * len(names)
    assert reads <= len(names) / 5
    assert len(stage.team("Sales")) == 30


async def test_a_push_about_one_person_of_a_held_set_does_not_release_their_removal(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()

    await stage.okta.update_profile(address("ann"), title="Boss")
    await stage.push()

    assert len(stage.team("Sales")) == 5
    [hold] = await holds.current(stage.db, "acme")
    assert len(hold.actions) == 5


async def test_one_more_removal_from_a_team_with_a_held_set_is_held_with_it(stage):
    names = [f"u{number}" for number in range(10)]
    await stage.given("Sales", "managed", *names)
    await stage.okta.remove_members("Sales", addresses(*names[:4]))
    await stage.push()
    [before] = await holds.current(stage.db, "acme")

    await stage.okta.remove_members("Sales", addresses("u4"))
    await stage.push()

    assert len(stage.team("Sales")) == 10
    [hold] = await holds.current(stage.db, "acme")
    assert len(hold.actions) == 5
    with pytest.raises(Stale):
        await approve(stage.db, stage.settings, [stage.organization], before.hash)


async def test_planning_for_a_large_company_does_not_block_requests(stage, monkeypatch):
    threads = []
    planning = approvals.make_plan

    def watched(*given, **more):
        threads.append(threading.current_thread())
        return planning(*given, **more)

    monkeypatch.setattr(approvals, "make_plan", watched)
    await stage.given("Sales", "managed", "ann")
    monkeypatch.setattr(approvals, "LARGE", 1)

    assert (await stage.full()).in_sync

    here = threading.current_thread()
    assert [thread is here for thread in threads] == [True, False]


async def test_a_changed_locale_and_time_zone_reach_the_account_once(stage):
    await assigned(stage, "ann")
    await stage.full()

    await stage.okta.update_profile(address("ann"), locale="fr", timezone="Europe/Paris")
    await stage.push()

    account = stage.world.account(address("ann"))
    assert (account.locale, account.time_zone) == ("fr", "Europe/Paris")
    writes = len(stage.simulation.writes)
    await stage.full()
    assert len(stage.simulation.writes) == writes


async def test_a_locale_that_a_user_chose_in_cal_com_stays(stage):
    await assigned(stage, "ann")
    await stage.full()
    account = stage.world.account(address("ann"))
    stage.world.update(replace(account, locale="it"))

    await stage.full()

    assert stage.world.account(address("ann")).locale == "it"
