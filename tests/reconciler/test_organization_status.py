"""`calscim status`, `plan` and `sync` show the status of an organization."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from rich.console import Console

from calscim.admin import sync as syncing
from calscim.admin.approve import approve
from calscim.admin.plan_preview import inspect
from calscim.admin.status import exit_status, status
from calscim.admin.sync import sync
from calscim.cli.status import render_status
from calscim.errors import StoreError
from calscim.planner.render import held_json, held_text, person_of, plan_json
from calscim.reconciler.state import leases, passes
from calscim.reconciler.state.organization_status import is_holder, list_daemons, session_name
from calscim.testing.calcom.calcom import Fault
from calscim.wording import moment
from tests.support.driver import Driver, Hurried
from tests.support.stage import PEOPLE, address, addresses, assigned
from tests.support.views import json_form


async def standing(stage):
    return await status(stage.db, ["acme"])


async def shown(stage):
    return json_form(await standing(stage))["organizations"][0]


async def text(stage):
    console = Console(width=2000)
    with console.capture() as written:
        console.print(render_status(await standing(stage)))
    return written.get()


async def report(stage):
    return (await passes.load_latest(stage.db, "acme")).report


async def emptied(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()


# ------------------------------------------------------------------- held


async def test_plan_sync_and_status_count_held_actions_alike(stage):
    await emptied(stage)

    counts = {"sets": 1, "removals": 5}
    assert plan_json(await stage.plan(), 0)["held_counts"] == counts
    assert (await report(stage))["held_counts"] == counts
    assert (await shown(stage))["held_counts"] == counts
    assert "5 removals in 1 set" in await text(stage)


async def test_a_set_that_was_approved_is_held_no_more(stage):
    await emptied(stage)
    [hold] = (await shown(stage))["held"]

    await approve(stage.db, stage.settings, [stage.organization], hold["hash"])

    assert (await shown(stage))["held_counts"] == {"sets": 0, "removals": 0}
    assert "approved: the daemon carries it out in its next pass" in await text(stage)


def test_held_changes_are_named_by_their_sort():
    held = held_json(["member.remove", "user.deprovision", "member.role", "user.create"], 3)

    assert held_text(held) == "2 removals and 1 addition and 1 demotion in 3 sets"
    assert held_text(held_json([], 0)) == "0"


# ------------------------------------------------------------------- exit code


async def code(stage):
    return exit_status(await standing(stage))


async def test_the_exit_code_is_that_of_a_plan(stage):
    assert await code(stage) == 1  # no pass yet: nothing is known
    await stage.given("Sales", "managed", *PEOPLE)
    assert await code(stage) == 0
    stage.simulation.faults = [Fault(method="POST", path="memberships", status=500, times=-1)]
    stage.world.take_off_team("Sales", address("ann"))
    await stage.full()
    assert await code(stage) == 2  # parked
    stage.simulation.faults = []
    await stage.okta.push_now("Sales", [])
    await stage.full()
    assert await code(stage) == 3
    stage.simulation.faults = [Fault(method="GET", path="memberships", times=-1)]
    await stage.full()
    assert await code(stage) == 1


async def test_a_database_that_takes_no_change_is_an_error(stage, owner):
    await stage.full()
    assert await code(stage) == 0

    await owner.execute("REVOKE INSERT ON calscim.journal FROM calscim")

    assert await code(stage) == 1
    assert "the database takes no change: the role lacks INSERT on calscim.journal" in await text(
        stage
    )


# ------------------------------------------------------------------- away, and the rate limit


async def test_status_shows_since_when_cal_com_is_unreachable(stage):
    driver = Driver.of(stage, Hurried())
    await driver.step()
    assert (await shown(stage))["unreachable_since"] is None
    stage.simulation.faults = [Fault(path="/v2/me", status=500, times=-1)]

    await driver.run_for(320)
    first = (await shown(stage))["unreachable_since"]
    await driver.run_for(60)

    assert first is not None
    assert (await shown(stage))["unreachable_since"] == first
    since = moment(datetime.fromisoformat(first))
    assert f"unreachable since {since}: " in await text(stage)
    stage.simulation.faults = []
    await driver.run_for(60)
    assert (await shown(stage))["unreachable_since"] is None


async def test_a_pass_that_waits_for_the_rate_limit_shows_until_when(stage):
    seen = []

    class Watched(Hurried):
        async def sleep(self, seconds):
            seen.append((await shown(stage))["rate_limited_until"])
            await super().sleep(seconds)

    driver = Driver.of(stage, Watched())
    driver.reconciler.client.budget.block(driver.clock.monotonic(), 60)

    await driver.step()

    left = datetime.fromisoformat(seen[0]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=61)
    assert (await shown(stage))["rate_limited_until"] is None  # the pass has ended


async def test_status_says_rate_limited_until(stage):
    await passes.store_budget(stage.db, "acme", 120, 2, 40.0)

    assert "rate limited until " in await text(stage)
    await passes.store_budget(stage.db, "acme", 120, 3, 40.0)
    assert "rate limited" not in await text(stage)
    assert "3 of 120 calls to Cal.com left in this window" in await text(stage)
    for remaining, seconds in (
        (3, 0.0),
        (60, 40.0),
    ):  # the window has ended; half of the calls are left
        await passes.store_budget(stage.db, "acme", 120, remaining, seconds)
        assert "left in this window" not in await text(stage)


async def test_sync_waits_for_a_daemon_that_waits_for_the_rate_limit_and_says_so(
    stage, monkeypatch
):
    monkeypatch.setattr(syncing, "TELL_EVERY", 0.0)
    monkeypatch.setattr(syncing, "TAKEN_WITHIN", 0.0)
    await passes.store_budget(stage.db, "acme", 120, 0, 40.0)
    heard = asyncio.Queue()

    waiting = asyncio.create_task(sync(stage.db, "acme", heard.put_nowait))
    said = [await heard.get() for _ in range(3)]

    assert not waiting.done()
    assert said[-1].holder == "test"
    assert said[-1].rate_limited_until > datetime.now(UTC)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting


async def test_sync_without_a_daemon_is_an_error(stage, monkeypatch):
    monkeypatch.setattr(syncing, "TELL_EVERY", 0.0)
    monkeypatch.setattr(syncing, "TAKEN_WITHIN", 0.0)
    await leases.release(stage.db, stage.lease)

    with pytest.raises(StoreError, match="no daemon runs for acme: start `calscim serve`"):
        await sync(stage.db, "acme")


async def test_sync_does_not_wait_for_a_daemon_that_took_the_request_and_stopped(
    stage, monkeypatch
):
    monkeypatch.setattr(syncing, "TELL_EVERY", 0.0)
    monkeypatch.setattr(syncing, "TAKEN_WITHIN", 0.0)

    asked = asyncio.Event()

    waiting = asyncio.create_task(sync(stage.db, "acme", lambda _: asked.set()))
    await asked.wait()
    assert await passes.list_requests(stage.db, "acme")
    await leases.release(stage.db, stage.lease)

    with pytest.raises(StoreError, match="no daemon runs for acme"):
        await waiting


# ------------------------------------------------------------------- daemons


async def test_a_daemon_without_the_lease_is_reported_as_standby(stage, database):
    names = [session_name(name) for name in ("test", "other.example/12/abcdef01")]
    connections = [
        await asyncpg.connect(database.dsn, server_settings={"application_name": name})
        for name in names
    ]

    found = await shown(stage)

    assert found["lease"]["holder"] == "test"
    assert found["standby"] == ["other.example/12/abcdef01"]
    assert "standby: other.example/12/abcdef01" in await text(stage)
    for connection in connections:
        await connection.close()


async def test_a_daemon_of_a_long_host_name_is_known_as_the_holder(stage, database):
    holder = f"{'a' * 70}/12/abcdef01"
    connection = await asyncpg.connect(
        database.dsn, server_settings={"application_name": session_name(holder)}
    )

    [found] = await list_daemons(stage.db)

    assert is_holder(found, holder)
    await connection.close()


# ------------------------------------------------------------------- who and what waits


async def pushed_without_address(stage, *user_names):
    for name in user_names:
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name,
            "active": True,
        }
        await stage.okta._call("POST", "/Users", body)


async def test_people_without_an_address_are_named_by_their_user_name(stage):
    await pushed_without_address(stage, "robot-1", "robot-2")
    await stage.full()

    assert [person_of(one) for one in (await shown(stage))["waiting"]] == ["robot-1", "robot-2"]
    assert "waiting: robot-1: the directory has no e-mail address" in await text(stage)
    assert {person_of(one) for one in plan_json(await stage.plan(), 0)["waiting"]} == {
        "robot-1",
        "robot-2",
    }


def test_a_person_without_a_known_address_is_named_by_the_id():
    assert person_of({"email": "", "user_name": "", "user_id": "u1"}) == "u1"
    assert person_of({"email": "", "user_id": None, "cal_user_id": 7}) == "Cal.com user 7"
    assert person_of({"email": "", "user_id": None, "cal_user_id": None}) == ""


async def test_a_linked_person_who_loses_the_address_is_named_by_the_account(stage):
    await stage.given("Sales", "managed", "ann")
    await stage.map("Admins", None, "managed", role="ADMIN")
    await stage.okta.push_group("Admins", addresses("ann"))
    await stage.okta.update_profile(address("ann"), userName="ann", emails=[])

    actions = (await stage.plan()).actions

    assert [action.email for action in actions] == [address("ann")]


async def test_plan_and_status_show_mappings_that_wait_for_a_group(stage):
    await assigned(stage, "ann")
    await stage.okta.push_group("Sales EU", addresses("ann"))
    await stage.map("Sales-EU", stage.team_id("Sales"), "managed")
    await stage.map("Sales EU", stage.team_id("Engineering"), "managed")
    await stage.full()

    [waiting] = (await shown(stage))["waiting_mappings"]

    assert (waiting["group"], waiting["near"]) == ("Sales-EU", ["Sales EU"])
    found = await inspect(stage.db, stage.settings, stage.organization)
    assert json_form(found.waiting_mappings) == [waiting]
    assert (
        f"mapping {waiting['id']} waits for a group called 'Sales-EU' in Okta, for the team "
    ) in await text(stage)
    assert "did you mean 'Sales EU'?" in await text(stage)
