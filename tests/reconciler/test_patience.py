"""The reconciler removes drift after the drift grace, and removes at once what the directory asks for."""

import pytest

from calscim import admin
from calscim.exit_codes import ExitCode
from calscim.planner.render import exit_code
from calscim.testing.calcom.calcom import Fault
from tests.support.views import explain, status

ANN, BOB, CEM, EVE = (f"{name}@acme.example" for name in ("ann", "bob", "cem", "eve"))


@pytest.fixture
async def drifted(stage):
    """An operator added eve to an exclusive team; the drift grace is two passes."""
    stage.world.add_person(EVE, name="Eve")
    await stage.given("Sales", "exclusive", "ann", "bob")
    stage.reconcile(drift_passes=2)
    stage.world.put_on_team("Sales", EVE)
    return stage


async def waiting(stage):
    return (await status(stage.db, ["acme"]))["organizations"][0]["waiting"]


async def test_a_stranger_is_taken_off_by_the_second_pass_in_a_row_that_sees_them(drifted):
    first = await drifted.full()
    assert EVE in drifted.team("Sales")

    await drifted.full()

    assert EVE not in drifted.team("Sales")
    assert not first.in_sync
    assert first.drift == {"surplus": 1}
    assert (await drifted.full()).in_sync


async def test_a_role_lowered_by_drift_waits_and_one_raised_does_not(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.map("Leads", stage.team_id("Sales"), "managed", role="ADMIN")
    await stage.okta.assign(BOB, "Bob", "Example")
    await stage.okta.push_group("Leads", [BOB])
    await stage.push()
    stage.world.put_on_team("Sales", "owner@acme.example", role="OWNER")
    stage.reconcile(drift_passes=2)
    stage.world.set_role("Sales", ANN, "ADMIN")
    stage.world.set_role("Sales", BOB, "MEMBER")

    await stage.full()
    between = stage.team("Sales")
    await stage.full()

    assert (between[ANN], between[BOB]) == ("ADMIN", "ADMIN")
    assert (stage.team("Sales")[ANN], stage.team("Sales")[BOB]) == ("MEMBER", "ADMIN")


async def test_memberships_missing_by_drift_are_restored_at_once(drifted):
    drifted.world.take_off_team("Sales", ANN)

    await drifted.full()

    assert ANN in drifted.team("Sales")


@pytest.mark.parametrize("grace", [0.0, 3600.0])
async def test_a_removal_that_the_directory_asked_for_never_waits(stage, grace):
    await stage.given("Sales", "exclusive", "ann", "bob")
    stage.reconcile(drift_passes=9, drift_grace=grace)

    await stage.okta.remove_members("Sales", [ANN])
    await stage.push()
    await stage.okta.deactivate(BOB)
    await stage.push()

    assert stage.team("Sales") == {}


async def test_the_grace_time_is_counted_from_the_first_pass(drifted):
    drifted.reconcile(drift_passes=2, drift_grace=600)
    for _ in range(3):
        await drifted.full()
    assert EVE in drifted.team("Sales")

    await drifted.db.execute(
        "UPDATE calscim.drift_observations SET first_seen = first_seen - interval '10 minutes'"
    )
    await drifted.full()

    assert EVE not in drifted.team("Sales")


async def test_an_incremental_pass_does_not_count_as_a_second_observation(drifted):
    await drifted.full()

    for title in ("Boss", "Chief"):
        await drifted.okta.update_profile(ANN, title=title)
        await drifted.push()
    await drifted.map("Other", drifted.team_id("Engineering"), "observe")  # concerns everybody
    await drifted.push()

    assert EVE in drifted.team("Sales")


async def test_observed_drift_survives_a_change_of_daemon(drifted):
    await drifted.full()

    await drifted.restart()
    await drifted.full()

    assert EVE not in drifted.team("Sales")


async def test_drift_that_ended_and_returned_is_counted_from_zero(drifted):
    await drifted.full()
    drifted.world.take_off_team("Sales", EVE)
    await drifted.full()
    drifted.world.put_on_team("Sales", EVE)

    await drifted.full()

    assert EVE in drifted.team("Sales")
    [row] = await drifted.db.fetch("SELECT pass_count FROM calscim.drift_observations")
    assert row["pass_count"] == 1


@pytest.mark.parametrize("list_", ["teams/", "/memberships"])
async def test_a_pass_that_could_not_read_team_or_people_counts_no_drift(drifted, list_):
    await drifted.full()
    drifted.reconcile(drift_passes=3)
    drifted.simulation.faults = [Fault(method="GET", path=list_, times=-1)]
    await drifted.full()
    drifted.simulation.faults = []

    await drifted.full()

    assert EVE in drifted.team("Sales")
    [row] = await drifted.db.fetch("SELECT pass_count FROM calscim.drift_observations")
    assert row["pass_count"] == 2


async def test_a_team_that_cannot_be_read_keeps_no_other_team_waiting(drifted):
    await drifted.map("Gone", 4711, "managed")

    await drifted.full()
    report = await drifted.full()

    assert not report.complete
    assert EVE not in drifted.team("Sales")


async def test_an_unmapped_team_is_forgotten(drifted):
    await drifted.full()

    for mapping in await admin.mappings(drifted.db):
        await admin.remove_mapping(drifted.db, drifted.editor, mapping)
    await drifted.full()

    assert await drifted.db.fetch("SELECT FROM calscim.drift_observations") == []


async def test_limits_apply_to_drift_after_the_drift_grace(drifted):
    for name in ("fay", "gus"):
        drifted.world.add_person(f"{name}@acme.example", name=name)
        drifted.world.put_on_team("Sales", f"{name}@acme.example")

    first = await drifted.full()
    second = await drifted.full()
    third = await drifted.full()

    assert [report.held for report in (first, second, third)] == [0, 3, 3]
    assert len(drifted.team("Sales")) == 5


async def test_plan_status_and_explain_show_waiting_people(drifted):
    drifted.reconcile(drift_passes=3, drift_grace=600)
    await drifted.full()

    plan = await drifted.plan()
    [entry] = await waiting(drifted)
    told = await explain(drifted.db, drifted.settings, drifted.organization, EVE, "Sales")

    assert plan.actions == ()
    assert exit_code(plan) == ExitCode.PENDING
    assert "waits until seen in 3 complete passes and for 600 seconds" in plan.notes[-1]
    assert (entry["email"], entry["kind"]) == (EVE, "member.remove")
    assert entry["reason"].startswith(
        "member.remove is drift and waits, seen in 1 of 3 complete passes and for 0 of 600"
    )
    assert told["because"].startswith(
        "member.remove is drift and waits, seen in 1 of 3 complete passes"
    )
    assert (told["desired"], told["observed"]) == (None, "MEMBER")


async def test_an_incremental_pass_does_not_make_status_in_sync(drifted):
    await drifted.full()
    await drifted.okta.assign(CEM, "Cem", "Example")

    report = await drifted.push()

    [one] = (await status(drifted.db, ["acme"]))["organizations"]
    assert report.in_sync
    assert not one["in_sync"]
    assert [entry["email"] for entry in one["waiting"]] == [EVE]
    assert one["waiting_total"] == 1
    await drifted.full()
    [one] = (await status(drifted.db, ["acme"]))["organizations"]
    assert one["in_sync"]
    assert one["waiting"] == []


async def test_a_stored_report_lists_only_some_of_many_waiting_entries(drifted, monkeypatch):
    monkeypatch.setattr("calscim.reconciler.report.LISTED", 2)
    for name in ("fay", "gus", "hal"):
        drifted.world.add_person(f"{name}@acme.example", name=name)
        drifted.world.put_on_team("Sales", f"{name}@acme.example")

    await drifted.full()

    [one] = (await status(drifted.db, ["acme"]))["organizations"]
    assert (len(one["waiting"]), one["waiting_total"]) == (2, 4)


async def test_a_preview_counts_no_drift(drifted):
    for _ in range(5):
        assert exit_code(await drifted.plan()) in {ExitCode.PENDING, ExitCode.HELD}

    await drifted.full()

    assert EVE in drifted.team("Sales")


async def test_without_patience_the_first_pass_corrects(drifted):
    drifted.reconcile(drift_passes=1)

    await drifted.full()

    assert EVE not in drifted.team("Sales")
    assert exit_code(await drifted.plan()) == ExitCode.IN_SYNC
