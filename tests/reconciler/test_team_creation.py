"""A team that a mapping names and Cal.com lacks is created once, bound, filled, and handed to its owners."""

import pytest

from calscim import admin
from calscim.planner.actions import Kind, TeamAction, team_of
from calscim.reconciler.state import attempts, created_teams
from calscim.testing.calcom.calcom import Fault
from tests.support.stage import address
from tests.support.views import explain, status

OWNER = "owner@acme.example"  # the API key's own user


async def pushed(stage, group, *names):
    for name in names:
        await stage.okta.assign(address(name), name.capitalize(), "Example")
    await stage.okta.push_group(group, [address(name) for name in names])


async def settle(stage):
    """Run passes until the plan is empty."""
    for _ in range(2):
        await stage.full()
        await stage.push()


def teams_made(stage):
    return stage.simulation.calls["POST /v2/organizations/#/teams"]


async def kinds(stage):
    return [
        (one.kind.value, team_of(one), one.new_team if isinstance(one, TeamAction) else None)
        for one in (await stage.plan()).actions
    ]


async def test_a_team_is_created_and_filled_in_one_pass_as_planned(stage):
    await stage.map("Support", "Support EU", "managed")
    await pushed(stage, "Support", "ann", "bob")
    await stage.reconciler.run_full(lambda: True)  # reads, and does nothing

    planned = await stage.plan()
    assert [one.kind for one in planned.actions if getattr(one, "new_team", None)] == [
        Kind.TEAM,
        Kind.ADD,
        Kind.ADD,
    ]
    assert {one.new_team for one in planned.actions if isinstance(one, TeamAction)} == {
        "Support EU"
    }

    await stage.full()

    expected = {OWNER: "OWNER", address("ann"): "MEMBER", address("bob"): "MEMBER"}
    assert stage.team("Support EU") == expected
    assert stage.world.teams[stage.team_id("Support EU")].slug == "support-eu"
    assert await kinds(stage) == []
    [row] = await admin.mappings(stage.db)
    assert (row.team_id, row.state) == (stage.team_id("Support EU"), "active")


async def test_no_team_is_created_before_its_group_is_pushed(stage):
    await stage.map("Suport", "Support", "managed")
    await pushed(stage, "Support", "ann")

    await settle(stage)

    assert teams_made(stage) == 0
    [row] = await admin.mappings(stage.db)
    assert row.state == "waiting"


async def test_an_observing_mapping_only_reports_the_team(stage):
    await stage.map("Support", "Support", "observe")
    await pushed(stage, "Support", "ann")
    await stage.full()

    planned = await stage.plan()

    assert teams_made(stage) == 0
    shown = {(one.kind, one.state.value) for one in planned.actions if one.new_team}
    assert shown == {(Kind.TEAM, "observed"), (Kind.ADD, "observed")}


async def test_two_groups_share_the_team_that_is_made_for_them(stage):
    await stage.map("Support EU", "Support", "managed")
    await stage.map("Support US", "Support", "managed")
    await pushed(stage, "Support EU", "ann")
    await pushed(stage, "Support US", "bob")

    await settle(stage)

    assert teams_made(stage) == 1
    assert stage.team("Support").keys() == {OWNER, address("ann"), address("bob")}


async def test_a_team_that_was_made_by_hand_meanwhile_is_used(stage):
    await stage.map("Support", "Support", "managed")
    number = stage.world.add_team("Support")
    stage.world.put_on_team("Support", OWNER, "OWNER")
    await pushed(stage, "Support", "ann")
    await stage.map("Owners", number, "managed", role="OWNER")
    await pushed(stage, "Owners", "bob")

    await settle(stage)

    assert teams_made(stage) == 0
    assert stage.team("Support")[address("ann")] == "MEMBER"
    assert stage.team("Support")[OWNER] == "OWNER"  # whom calscim did not make one


@pytest.mark.parametrize(
    "kind", ["status-after", "drop-after", "status", "drop", "malformed-after"]
)
async def test_an_answer_that_was_lost_makes_no_second_team(stage, kind):
    await stage.map("Support", "Support", "managed")
    await pushed(stage, "Support", "ann")
    stage.simulation.faults = [Fault(method="POST", path="/teams", kind=kind)]
    await stage.full()
    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")

    await stage.restart()
    await settle(stage)

    names = [team.name for team in stage.world.teams.values()]
    assert names.count("Support") == 1
    assert stage.team("Support").keys() == {OWNER, address("ann")}
    assert await kinds(stage) == []


async def test_a_lagging_list_makes_no_second_team(stage):
    await stage.map("Support", "Support", "managed")
    await pushed(stage, "Support", "ann")
    stage.simulation.faults = [Fault(method="POST", path="/teams", kind="drop-after")]
    stage.world.lag(writes=1000)
    await stage.full()
    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")

    await stage.full()
    assert (
        "does not show the team yet"
        in (await status(stage.db, ["acme"]))["organizations"][0]["parked"][0]["reason"]
    )

    stage.world.lag()
    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")
    await settle(stage)
    assert [team.name for team in stage.world.teams.values()].count("Support") == 1
    assert address("ann") in stage.team("Support")


class Crash(Exception):  # noqa: N818 - not an error of anything under test
    """Ends the process, as a crash does."""


@pytest.mark.parametrize("point", ["begin", "finish", "bind", "after"])
async def test_a_crash_around_the_call_is_made_good(stage, monkeypatch, point):
    await pushed(stage, "Support", "ann")
    await pushed(stage, "Leads", "bob")
    await stage.full()
    await stage.map("Support", "Support", "managed")
    await stage.map("Leads", "Support", "managed", role="OWNER")

    async def crash(*_, **__):
        raise Crash

    real_bind = created_teams.bind

    async def bind_and_crash(*arguments, **named):
        await real_bind(*arguments, **named)
        raise Crash

    with monkeypatch.context() as patch:
        if point == "begin":
            patch.setattr(attempts.Attempts, "begin", crash)
        elif point == "finish":
            patch.setattr(attempts.Attempts, "finish", crash)
        else:
            patch.setattr(created_teams, "bind", crash if point == "bind" else bind_and_crash)
        with pytest.raises(Crash):
            await stage.full()
    await stage.restart()
    await attempts.abandon(stage.db, stage.lease)
    await settle(stage)

    assert teams_made(stage) == 1
    assert stage.team("Support") == {address("ann"): "MEMBER", address("bob"): "OWNER"}
    assert await kinds(stage) == []


async def test_the_bootstrap_owner_leaves_when_another_owner_joins_the_team(stage):
    await stage.map("Support", "Support", "exclusive")
    await pushed(stage, "Support", "ann")
    await settle(stage)
    assert stage.team("Support") == {OWNER: "OWNER", address("ann"): "MEMBER"}
    assert any("until another person owns it" in note for note in (await stage.plan()).notes)

    await stage.map("Leads", stage.team_id("Support"), "managed", role="OWNER")
    await pushed(stage, "Leads", "bob")
    await settle(stage)

    assert stage.team("Support") == {address("ann"): "MEMBER", address("bob"): "OWNER"}


async def test_the_keys_own_user_who_is_in_the_group_gets_the_groups_role(stage):
    await stage.map("Support", "Support", "managed")
    await stage.map("Leads", "Support", "managed", role="OWNER")
    await pushed(stage, "Support", "ann", "owner")
    await pushed(stage, "Leads", "bob")

    await settle(stage)
    await settle(stage)

    assert stage.team("Support") == {
        OWNER: "MEMBER",
        address("ann"): "MEMBER",
        address("bob"): "OWNER",
    }


async def test_an_ownership_that_was_given_by_hand_later_stays(stage):
    await stage.map("Support", "Support", "managed")
    await pushed(stage, "Support", "ann")
    await settle(stage)
    stage.world.take_off_team("Support", OWNER)
    stage.world.put_on_team("Support", OWNER, "OWNER")

    await stage.map("Leads", stage.team_id("Support"), "managed", role="OWNER")
    await pushed(stage, "Leads", "bob")
    await settle(stage)

    assert stage.team("Support")[OWNER] == "OWNER"


@pytest.mark.parametrize("mode", ["add-only", "protected"])
async def test_the_keys_own_user_stays_in_add_only_and_when_protected(stage, mode):
    if mode == "protected":
        stage.organize(protected=frozenset({OWNER}))
    await stage.map("Leads", "Support", "add-only" if mode == "add-only" else "managed", "OWNER")
    await pushed(stage, "Leads", "bob")

    await settle(stage)
    await settle(stage)

    assert stage.team("Support") == {OWNER: "OWNER", address("bob"): "OWNER"}


async def test_a_refusal_is_parked_with_its_reason_and_tried_again(stage):
    await stage.map("Support", "Support", "managed")
    await pushed(stage, "Support", "ann")
    stage.simulation.faults = [Fault(method="POST", path="/teams", status=403, times=2)]
    await stage.full()

    [parked] = (await status(stage.db, ["acme"]))["organizations"][0]["parked"]
    assert (parked["kind"], parked["team_id"]) == ("team.create", None)
    assert parked["reason"].startswith("the team Support: Cal.com answered POST")
    assert not (await stage.full()).in_sync

    stage.simulation.faults = []
    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")
    await settle(stage)
    assert address("ann") in stage.team("Support")
    assert (await status(stage.db, ["acme"]))["organizations"][0]["parked"] == []


async def test_a_slug_that_another_team_has_is_said(stage):
    stage.world.add_team("Helpdesk", slug="support")
    await stage.map("Support", "Support!", "managed")
    await pushed(stage, "Support", "ann")

    await stage.full()

    [parked] = (await status(stage.db, ["acme"]))["organizations"][0]["parked"]
    assert "'Helpdesk' has the address 'support' already" in parked["reason"]
    assert teams_made(stage) == 0


async def test_a_mapping_removed_before_its_team_was_made_makes_none(stage):
    await stage.map("Support", "Support", "managed")
    [row] = await admin.mappings(stage.db)
    await admin.remove_mapping(stage.db, stage.editor, row)
    await pushed(stage, "Support", "ann")

    await settle(stage)

    assert teams_made(stage) == 0


async def test_a_mapping_of_the_same_group_to_the_team_by_its_id_takes_the_waiting_ones_place(
    stage,
):
    await stage.map("Support", "Support", "managed")
    number = stage.world.add_team("Support")
    await stage.map("Support", number, "managed")
    await pushed(stage, "Support", "ann")

    await settle(stage)

    [row] = await admin.mappings(stage.db)
    assert row.team_id == number
    assert stage.team("Support") == {address("ann"): "MEMBER"}


async def test_each_call_has_a_row_with_the_team_in_the_journal(stage):
    await stage.map("Support", "Support", "managed")
    await pushed(stage, "Support", "ann")
    await settle(stage)

    rows = await stage.db.fetch(
        "SELECT kind, team_id, outcome FROM calscim.actions WHERE kind = 'team.create'"
    )

    assert [tuple(row) for row in rows] == [("team.create", stage.team_id("Support"), "done")]


async def test_explain_covers_a_person_whose_team_does_not_exist_yet(stage):
    await stage.map("Support", "Support", "managed")
    await pushed(stage, "Support", "ann")
    stage.simulation.faults = [Fault(method="POST", path="/teams", status=403, times=-1)]
    await stage.full()

    found = await explain(stage.db, stage.settings, stage.organization, address("ann"), None)

    assert [one["create_team"] for one in found["sources"]] == [True]


async def test_no_member_leaves_a_team_that_another_mapping_waits_for(stage):
    await stage.map("Support", "Support", "managed")
    number = stage.world.add_team("Support", slug="support")
    await stage.map("Helpdesk", number, "managed")
    await pushed(stage, "Helpdesk", "ann")
    await stage.full()
    assert {row.team_id for row in await admin.mappings(stage.db)} == {number}

    await stage.okta.remove_members("Helpdesk", [address("ann")])
    await stage.okta.push_group("Support", [address("ann")])
    await stage.full()

    assert stage.team("Support") == {address("ann"): "MEMBER"}
    assert not [call for call in stage.simulation.calls if call.startswith("DELETE")]


async def test_an_unbindable_mapping_keeps_no_member_on_a_team_of_that_name(stage):
    await stage.map("Support", "SUPPORT", "managed")
    number = stage.world.add_team("Support", slug="first")
    stage.world.add_team("support", slug="second")
    await stage.map("Helpdesk", number, "managed")
    await pushed(stage, "Helpdesk", "ann", "bob")
    await pushed(stage, "Support", "cyd")
    await stage.full()

    await stage.okta.remove_members("Helpdesk", [address("ann")])
    await stage.full()

    assert stage.team("Support") == {address("bob"): "MEMBER"}
    [parked] = (await status(stage.db, ["acme"]))["organizations"][0]["parked"]
    assert "2 teams in Cal.com are called 'SUPPORT'" in parked["reason"]


async def test_a_team_that_was_deleted_after_the_list_is_created_again(stage):
    old = stage.world.add_team("Support", slug="support")
    await pushed(stage, "Support", "ann")
    await stage.full()
    stage.world.remove_team("Support")
    await stage.map("Support", "Support", "managed")

    await stage.push()

    [row] = await admin.mappings(stage.db)
    assert row.team_id == stage.team_id("Support") != old
    assert stage.team("Support")[address("ann")] == "MEMBER"
