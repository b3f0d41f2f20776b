"""Operators see a pass in explain, the journal, and the stored report."""

import threading
from dataclasses import replace

import pytest

from calscim.admin.approve import Stale, approve
from calscim.reconciler import approvals
from calscim.reconciler.state import holds
from tests.support.stage import PEOPLE, address, addresses, assigned
from tests.support.views import explain


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
    [hold] = await holds.load_current(stage.db, "acme")
    assert len(hold.actions) == 5


async def test_one_more_removal_from_a_team_with_a_held_set_is_held_with_it(stage):
    names = [f"u{number}" for number in range(10)]
    await stage.given("Sales", "managed", *names)
    await stage.okta.remove_members("Sales", addresses(*names[:4]))
    await stage.push()
    [before] = await holds.load_current(stage.db, "acme")

    await stage.okta.remove_members("Sales", addresses("u4"))
    await stage.push()

    assert len(stage.team("Sales")) == 10
    [hold] = await holds.load_current(stage.db, "acme")
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
