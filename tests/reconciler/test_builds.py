"""What differs from one build of Cal.com to another: coming back, half-members, deleted accounts, leaving."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from calscim import admin
from calscim.planner.build import BuildTraits
from calscim.planner.modes import PeopleMode
from calscim.planner.safeguards.limits import Limit
from calscim.reconciler.observed_cache import UNKNOWN
from calscim.reconciler.state import build_traits
from calscim.testing.calcom import preferences
from calscim.testing.calcom.builds import BEFORE_2025_08_18, HOSTED_2026, SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import Fault
from tests.support.stage import address, assigned

BY_NUMBER = [SELF_HOSTED_2025_12, BEFORE_2025_08_18]
ANN = address("ann")


async def on_sales(stage, build, *names):
    stage.world.build = build
    await stage.given("Sales", "managed", *names)


def members(stage):
    """Everybody in the organization, with whether the membership is accepted."""
    world = stage.world
    return {
        world.accounts[one.user_id].email: one.accepted
        for one in world.of_team(world.organization_id)
    }


async def waiting(stage):
    return {one.email: one.reason for one in (await stage.plan()).waiting}


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


# -------------------------------------------------------------------- half-members


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


# -------------------------------------------------------------------- leaving


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


async def test_a_build_is_also_found_out_by_the_profile_of_a_leaver_on_no_mapped_team(stage):
    stage.world.build = BEFORE_2025_08_18
    await assigned(stage, "ann", "bob")
    await stage.full()
    stage.world.put_on_team("Engineering", ANN)

    await stage.okta.deactivate(ANN)
    await stage.full()

    assert ANN not in stage.team("Engineering")
    assert (await build_traits.load(stage.db, "acme")).clears_teams is False


async def test_a_key_that_may_not_list_users_can_do_everything_else(stage):
    stage.simulation.faults = [
        Fault(method="GET", path="/organizations/42/users", status=403, times=-1)
    ]

    await stage.given("Sales", "managed", "ann", "bob")

    assert (await stage.full()).in_sync


async def test_a_pending_leaver_teaches_nothing_about_the_build(stage):
    stage.world.build = BEFORE_2025_08_18
    stage.world.add_person(ANN, accepted=False, profile=False)
    await assigned(stage, "ann", "bob")
    await stage.full()

    await stage.okta.deactivate(ANN)
    await stage.full()

    assert await build_traits.load(stage.db, "acme") == BuildTraits()


def nothing_known_of_the_number(stage):
    """As after an add whose answer did not tell the number."""
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


async def test_a_deleted_team_without_a_mapping_is_forgotten(stage):
    await on_sales(stage, SELF_HOSTED_2025_12, "ann", "bob")
    [mapping] = await admin.mappings(stage.db, organization="acme")
    stage.world.remove_team("Sales")
    await admin.remove_mapping(stage.db, stage.editor, mapping)

    for _ in range(4):
        report = await stage.full()

    assert report.complete and report.in_sync


async def test_add_only_repairs_no_half_member(stage):
    stage.organize(people=PeopleMode.ADD_ONLY)
    await half_member(stage)

    await stage.full()

    assert members(stage)[ANN] is True
    assert [one.state.value for one in (await stage.plan()).actions] == ["observed"]


async def test_a_refused_preference_is_logged(stage, monkeypatch):
    monkeypatch.setattr(preferences, "_zones", frozenset)
    stage.world.build = SELF_HOSTED_2025_12
    await stage.okta.assign(ANN, "Ann", "Example", timezone="Europe/Vienna")

    with capture_logs() as logs:
        await stage.full()

    [entry] = [one for one in logs if one["event"] == "reconcile.preference_refused"]
    assert "Europe/Vienna" in entry["reason"]
