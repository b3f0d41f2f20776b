"""Attributes of users reach Cal.com, from Okta's push on: real HTTP, real Postgres."""

from collections import Counter

import pytest

from calscim.planner.policy import AttributePath, AttributeRule
from calscim.reconciler.state import applied_attributes, attempts
from calscim.testing.calcom.calcom import Fault
from tests.support.views import explain, status

URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ANN = "ann@acme.example"
PATH = "/attributes/options/"


def department(**changes):
    source = AttributePath(f"{URN}:department", URN, "department")
    return AttributeRule(source, "department", **changes)


def title():
    return AttributeRule(AttributePath("title", None, "title"), "job-title")


async def ready(stage, kind="SINGLE_SELECT", *options, **changes):
    """ann is in the organization, and the table has her department."""
    stage.world.add_attribute("department", kind, options)
    stage.organize(attributes=(department(**changes),))
    await stage.okta.assign(ANN, "Ann", "Example")
    await stage.full()


async def says(stage, **values):
    """Update the profile as Okta does: PUT with every attribute."""
    await stage.okta.update_profile(ANN, **{URN: values, "active": True})
    await stage.push()


def has(stage, name="department"):
    return stage.world.values(ANN).get(name, [])


def calls(stage, method):
    """Return the number of calls about people's attributes and options."""
    return sum(
        count
        for call, count in stage.simulation.calls.items()
        if call.startswith(method) and "/attributes" in call
    )


@pytest.mark.parametrize("kind", ["TEXT", "SINGLE_SELECT", "MULTI_SELECT"])
async def test_a_department_is_set_changed_and_cleared(stage, kind):
    await ready(stage, kind, "Sales", "Marketing")

    await says(stage, department="Sales")
    assert has(stage) == ["Sales"]
    await says(stage, department="Marketing")
    assert has(stage) == ["Marketing"]
    await says(stage)
    assert has(stage) == []

    assert (await stage.full()).in_sync
    assert (await stage.plan()).actions == ()


async def test_a_patch_that_removes_clears(stage):
    await ready(stage, "TEXT")
    await says(stage, department="Sales")

    await stage.okta.patch_profile(ANN, {"op": "remove", "path": f"{URN}:department"})
    await stage.push()

    assert has(stage) == []


async def test_a_new_user_gets_attributes_in_the_pass_that_invites_them(stage):
    stage.world.add_attribute("Job Title")
    stage.organize(attributes=(title(),))
    await stage.full()
    await stage.okta.assign(ANN, "Ann", "Example", title="Head")

    await stage.push()

    assert has(stage, "Job Title") == ["Head"]


async def test_a_manual_attribute_edit_is_reverted_and_other_attributes_stay(stage):
    await ready(stage, "SINGLE_SELECT", "Sales", "Other")
    stage.world.add_attribute("city")
    stage.world.set_attribute(ANN, "city", "Rome")
    await says(stage, department="Sales")

    stage.world.set_attribute(ANN, "department", "Other")
    await stage.full()

    assert stage.world.values(ANN) == {"city": ["Rome"], "department": ["Sales"]}


async def test_attributes_that_the_directory_never_sent_are_left_alone(stage):
    await ready(stage, "TEXT")
    stage.world.set_attribute(ANN, "department", "Sales")

    await says(stage)
    await stage.full()

    assert has(stage) == ["Sales"]


async def test_an_idle_pass_reads_the_attributes_and_a_share_of_the_options(stage):
    await ready(stage, "SINGLE_SELECT", "Sales")
    await says(stage, department="Sales")
    await stage.full()

    idle = await reads_of_a_pass(stage)
    stage.organize(attributes=())
    await stage.full()  # a new view looks for Profiles once
    without = await reads_of_a_pass(stage)

    options = "GET /v2/organizations/#/attributes/options/#"
    assert idle - without == {"GET /v2/organizations/#/attributes": 1, options: 1}
    assert not without - idle


async def reads_of_a_pass(stage):
    stage.simulation.calls.clear()
    await stage.full()
    return Counter(stage.simulation.calls)


async def test_a_value_waits_for_its_missing_option(stage):
    await ready(stage, "SINGLE_SELECT")
    await says(stage, department="Sales")

    await stage.full()
    [waiting] = (await status(stage.db, ["acme"]))["organizations"][0]["waiting"]
    assert 'has no option "Sales": create it in Cal.com' in waiting["reason"]

    stage.world.set_attribute("owner@acme.example", "department", "Sales")
    await stage.full()
    assert has(stage) == ["Sales"]


async def test_a_missing_option_is_created_if_the_settings_allow_it(stage):
    await ready(stage, "SINGLE_SELECT", create_options=True)

    await says(stage, department="Research & Development")

    assert has(stage) == ["Research & Development"]
    rows = await stage.db.fetch(
        "SELECT because, outcome FROM calscim.actions WHERE kind = 'user.update' ORDER BY id"
    )
    assert [row["outcome"] for row in rows] == ["done", "done"]
    assert rows[0]["because"].startswith('department: creates the option "Research & Development"')


async def test_a_deleted_option_is_noticed(stage):
    await ready(stage, "SINGLE_SELECT", "Sales", "Marketing", create_options=True)
    await says(stage, department="Sales")
    stage.world.remove_option("department", "Marketing")
    await says(stage, department="Marketing")

    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")
    await stage.full()

    assert has(stage) == ["Marketing"]
    assert (await stage.full()).in_sync


@pytest.mark.parametrize("kind", ["status-after", "drop-after", "status", "malformed-after"])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_lost_answer_is_made_good(stage, kind, method):
    await ready(stage, "SINGLE_SELECT", "Sales", "Marketing")
    await says(stage, department="Sales")
    stage.simulation.faults = [Fault(method=method, path=PATH, kind=kind)]

    await says(stage, department="Marketing")
    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")
    await stage.full()

    assert has(stage) == ["Marketing"]
    assert (await stage.full()).in_sync
    assert (await status(stage.db, ["acme"]))["organizations"][0]["parked"] == []


async def test_no_second_value_is_assigned_beside_one_that_calscim_may_not_remove(stage):
    await ready(stage, "SINGLE_SELECT", "Sales", "Marketing")
    await says(stage, department="Sales")
    stage.simulation.faults = [Fault(method="DELETE", path=PATH, status=400)]

    await says(stage, department="Marketing")

    assert has(stage) == ["Sales"]
    [parked] = (await status(stage.db, ["acme"]))["organizations"][0]["parked"]
    assert (parked["kind"], parked["email"]) == ("user.update", ANN)
    assert parked["reason"].startswith("the attribute department: Cal.com answered DELETE")

    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")
    await stage.full()
    assert has(stage) == ["Marketing"]
    assert (await stage.full()).in_sync


async def test_a_value_set_by_hand_does_not_stay_beside_a_pushed_value(
    stage,
):
    await ready(stage, "SINGLE_SELECT", "Sales", "Marketing")
    stage.world.set_attribute(ANN, "department", "Marketing")

    await says(stage, department="Sales")

    assert has(stage) == ["Sales"]
    assert (await stage.full()).in_sync


async def test_attributes_stay_while_they_cannot_be_read_again(stage):
    await ready(stage, "SINGLE_SELECT", "Sales", "Marketing")
    await stage.full()
    stage.world.set_attribute(ANN, "department", "Marketing")
    stage.simulation.faults = [Fault(method="GET", path="/options/", status=500, times=9)]

    await says(stage, department="Sales")
    assert has(stage) == ["Marketing"]

    stage.simulation.faults = []
    await stage.full()
    assert has(stage) == ["Sales"]


async def test_the_options_of_each_person_are_read_once_before_they_are_changed(stage):
    await ready(stage, "SINGLE_SELECT", "Sales", "Marketing")
    await says(stage, department="Marketing")
    stage.simulation.calls.clear()

    await says(stage, department="Sales")

    options = "/v2/organizations/#/attributes/options"
    assert stage.simulation.calls[f"GET {options}/#"] == 1
    assert has(stage) == ["Sales"]


@pytest.mark.parametrize("kind", ["drop", "status"])
async def test_a_failure_for_one_person_does_not_stop_the_others(stage, kind):
    stage.world.add_attribute("department", "SINGLE_SELECT", ("Sales",))
    stage.organize(attributes=(department(),))
    others = [f"p{number}@acme.example" for number in range(4)]
    for email in others:
        await stage.okta.assign(email, "P", "Example", **{URN: {"department": "Sales"}})
    stage.simulation.faults = [Fault(method="POST", path=PATH, kind=kind, status=404, skip=1)]

    await stage.full()

    told = [email for email in others if stage.world.values(email).get("department")]
    assert len(told) == 3
    await stage.db.execute("UPDATE calscim.parked_actions SET next_try = now()")
    await stage.full()
    assert all(stage.world.values(email) == {"department": ["Sales"]} for email in others)


class Crash(Exception):  # noqa: N818 - not an error of anything under test
    """Ends the process, as a crash does."""


@pytest.mark.parametrize("point", ["begin", "finish", "told"])
@pytest.mark.parametrize("value", ["Marketing", None])
async def test_a_crash_at_any_call_is_made_good(stage, monkeypatch, point, value):
    await ready(stage, "SINGLE_SELECT", "Sales", "Marketing")
    await says(stage, department="Sales")
    wanted = {"department": value} if value else {}

    async def crash(*_, **__):
        raise Crash

    with monkeypatch.context() as patch:
        if point == "told":
            patch.setattr(applied_attributes, "record_applied", crash)
        else:
            patch.setattr(attempts.Attempts, point, crash)
        with pytest.raises(Crash):
            await says(stage, **wanted)
    await stage.restart()
    await stage.full()
    await stage.full()

    assert has(stage) == ([value] if value else [])


async def test_a_value_whose_call_was_cut_off_can_be_cleared(stage, monkeypatch):
    await ready(stage, "TEXT")

    async def crash(*_, **__):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(attempts.Attempts, "finish", crash)
        with pytest.raises(Crash):
            await says(stage, department="Sales")
    assert has(stage) == ["Sales"]
    await stage.restart()
    await says(stage)
    await stage.full()

    assert has(stage) == []


async def test_attributes_that_cannot_be_read_leave_everything_else_in_step(stage):
    await ready(stage, "TEXT")
    stage.simulation.faults = [Fault(method="GET", path="/attributes", status=403, times=-1)]
    await says(stage, department="Sales")

    report = await stage.full()

    assert report.complete
    assert "calscim changes no attributes" in (await stage.plan()).notes[0]


async def test_a_missing_attribute_is_reported_and_set_once_it_exists(stage):
    stage.organize(attributes=(department(),))
    await stage.okta.assign(ANN, "Ann", "Example")
    await stage.full()
    await says(stage, department="Sales")
    assert "Cal.com has no attribute department" in (await stage.plan()).notes[0]

    stage.world.add_attribute("department")
    await stage.full()

    assert has(stage) == ["Sales"]


async def test_a_pending_member_gets_attributes_after_accepting(stage):
    stage.world.auto_accept_domains = frozenset()
    stage.world.add_person(ANN, in_org=False)
    stage.world.add_attribute("department")
    stage.organize(attributes=(department(),))
    await stage.okta.assign(ANN, "Ann", "Example")
    await says(stage, department="Sales")
    await stage.full()
    assert has(stage) == []

    stage.world.accept(ANN)
    await stage.full()

    assert has(stage) == ["Sales"]


async def test_a_returning_user_starts_without_attributes(stage):
    await ready(stage, "TEXT")
    await says(stage, department="Sales")
    await stage.okta.deactivate(ANN)
    await stage.push()
    assert await stage.db.fetchval("SELECT count(*) FROM calscim.applied_attributes") == 0

    await says(stage, department="Sales")
    await stage.full()

    assert has(stage) == ["Sales"]


async def test_a_stale_read_does_not_count_as_an_edit_by_hand(stage):
    await ready(stage, "SINGLE_SELECT", "Sales", "Marketing")
    await says(stage, department="Sales")
    stage.world.lag(writes=1000)

    await says(stage, department="Marketing")
    writes = len(stage.simulation.writes)
    await stage.full()

    assert len(stage.simulation.writes) == writes
    assert has(stage) == ["Marketing"]


async def test_explain_shows_a_persons_attributes(stage):
    await ready(stage, "SINGLE_SELECT", "Sales")
    await says(stage, department="Sales")
    stage.world.set_attribute(ANN, "department")

    found = await explain(stage.db, stage.settings, stage.organization, ANN, None)

    assert found["attributes"] == [
        {
            "attribute": "department",
            "from": f"{URN}:department",
            "desired": ["Sales"],
            "observed": [],
            "because": found["attributes"][0]["because"],
        }
    ]
    assert 'department: nothing -> "Sales"' in found["attributes"][0]["because"]


async def shown(stage, person, team=None):
    found = await explain(stage.db, stage.settings, stage.organization, person, team)
    return found["because"], found["attributes"][0]["because"]


async def test_an_attribute_that_is_parked_is_said_of_the_attribute_and_of_nothing_else(stage):
    await ready(stage, "TEXT")
    stage.simulation.faults = [Fault(method="POST", path=PATH, status=500, times=-1)]
    await says(stage, department="Sales")
    stage.simulation.faults = []

    person, attribute = await shown(stage, ANN)
    assert attribute.startswith("user.update is parked until ")
    assert person.startswith("an active user of the directory (journal ")

    await stage.okta.update_profile(ANN, **{URN: {"department": "Marketing"}, "active": True})
    assert (await shown(stage, ANN))[1].startswith('user.update (run): department: nothing -> "M')


async def test_explain_of_a_stranger_omits_attributes_of_other_people(stage):
    await ready(stage, "TEXT")
    await stage.okta.update_profile(ANN, **{URN: {"department": "Sales"}, "active": True})
    stage.world.add_person("eve@acme.example", name="Eve")

    _, attribute = await shown(stage, "eve@acme.example", "Sales")

    assert attribute == "no provider has written to this person"


async def test_a_new_locale_does_not_wait_for_a_parked_attribute(stage):
    await ready(stage, "TEXT")
    stage.simulation.faults = [Fault(method="POST", path=PATH, status=500, times=-1)]
    await says(stage, department="Sales")
    stage.simulation.faults = []

    await stage.okta.update_profile(
        ANN, **{URN: {"department": "Sales"}, "active": True, "locale": "de"}
    )

    person, attribute = await shown(stage, ANN)
    assert person.startswith("user.update (run): ")
    assert attribute.startswith("user.update is parked until ")
