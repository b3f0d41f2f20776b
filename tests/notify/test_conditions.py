"""Which conditions there are, read from what real passes left in the database."""

from datetime import UTC, datetime, timedelta

import pytest

from calscim import admin
from calscim.admin.approve import reject
from calscim.notify.conditions import ConditionReader
from calscim.notify.events import Event
from calscim.testing.calcom.calcom import Fault
from tests.support.driver import Driver, Hurried
from tests.support.stage import EDITOR, PEOPLE, address, staged


@pytest.fixture
async def stage(db):
    async with staged(db) as ready:
        yield ready


async def conditions(stage, event=None, now=None):
    now = now or datetime.now(UTC)
    found = await ConditionReader(stage.db, ["acme"]).read(now)
    return [one for one in found if event is None or one.event is event]


async def test_an_organization_in_sync_has_no_condition(stage):
    await stage.given("Sales", "managed", *PEOPLE)

    assert await conditions(stage) == []


async def test_a_hold_names_the_people_the_team_the_limit_and_the_command(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()

    (hold,) = await conditions(stage, Event.HOLD)

    hash_ = hold.data["hash"]
    assert hold.organization == "acme"
    assert hold.data["people"] == sorted(address(name) for name in PEOPLE)
    assert hold.data["teams"] == ["Sales"]
    assert hold.data["guard"]
    assert hold.then == ("calscim plan", f"calscim approve {hash_}")
    assert hold.summary.startswith("5 changes wait for approval: 5 members of 5 would leave Sales")


async def test_a_rejected_hold_is_no_longer_a_condition(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()
    (hold,) = await conditions(stage, Event.HOLD)

    await reject(stage.db, [stage.organization], hold.data["hash"], EDITOR)

    assert await conditions(stage, Event.HOLD) == []


@pytest.mark.parametrize("url", ["https://calscim.acme.example", "https://calscim.acme.example/"])
async def test_with_a_console_a_hold_has_the_link_that_shows_it(stage, url):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()

    reader = ConditionReader(stage.db, ["acme"], console_url=url)
    (hold,) = await reader.read(datetime.now(UTC))

    hash_ = hold.data["hash"]
    link = f"https://calscim.acme.example/plan?organization=acme#hold-{hash_}"
    assert hold.then == ("calscim plan", f"calscim approve {hash_}", link)


async def test_a_hold_of_a_plan_that_only_the_command_line_made_is_no_condition(stage):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])

    await stage.plan()

    assert await conditions(stage, Event.HOLD) == []


async def test_an_outage_of_cal_com_is_a_condition_until_cal_com_answers(stage):
    driver = Driver.of(stage, Hurried())
    await driver.step()
    stage.simulation.faults = [Fault(status=503, times=-1)]
    await driver.run_for(400)

    (away,) = await conditions(stage)
    assert away.event is Event.CALCOM_UNREACHABLE
    assert "503" in away.data["reason"]

    stage.simulation.faults = []
    await driver.run_for(400)
    assert await conditions(stage) == []


async def test_a_refused_key_is_told_from_an_outage(stage):
    driver = Driver.of(stage, Hurried())
    await driver.step()
    stage.simulation.faults = [Fault(status=401, times=-1)]
    await driver.run_for(400)

    (refused,) = await conditions(stage)
    assert refused.event is Event.KEY_REFUSED


async def test_a_key_that_is_refused_in_the_middle_of_a_pass_is_told_from_an_outage(stage):
    await stage.full()
    await stage.okta.assign(address("ann"), "Ann", "Example")
    stage.simulation.faults = [Fault(method="POST", status=401, times=-1)]
    await stage.full()

    (refused,) = await conditions(stage)
    assert refused.event is Event.KEY_REFUSED


async def test_a_rate_limit_that_another_client_uses_up_is_told_from_an_outage(stage, monkeypatch):
    monkeypatch.setattr("calscim.calcom.rate_budget.Budget.delay", lambda *_, **__: 0.0)
    await stage.full()
    await stage.okta.assign(address("ann"), "Ann", "Example")
    stage.simulation.faults = [Fault(method="POST", status=429, times=-1)]
    await stage.full()

    (used_up,) = await conditions(stage)
    assert used_up.event is Event.RATE_LIMIT_USED_UP


async def test_passes_that_never_read_everything_are_a_condition(stage):
    await stage.given("Sales", "managed", "ann")
    stage.simulation.faults = [Fault(path="teams/", status=500, times=-1)]
    for _ in range(3):
        assert await conditions(stage) == []
        await stage.full()

    (failing,) = await conditions(stage)
    assert failing.event is Event.PASSES_FAILING
    assert failing.data["passes"] == 3


async def test_a_parked_action_is_a_condition_with_the_command_that_retries_it(stage):
    await stage.okta.assign(address("ann"), "Ann", "Example")
    stage.simulation.faults = [Fault(method="POST", status=400, times=-1)]
    await stage.full()

    (parked,) = await conditions(stage)

    assert parked.event is Event.ACTION_PARKED
    assert parked.data["email"] == address("ann")
    assert f"calscim parked retry {address('ann')}" in parked.then


async def test_a_paused_directory_is_a_condition_from_the_moment_of_the_pause(stage):
    await admin.pause(
        stage.db, EDITOR, organization="acme", scope="directory", target=stage.directory.id
    )

    (paused,) = await conditions(stage)

    assert paused.event is Event.DIRECTORY_PAUSED
    assert paused.then == ("calscim directory resume Okta",)


async def test_a_token_that_expires_soon_is_a_condition_and_still_is_when_it_was_the_last_one(
    stage,
):
    await stage.db.execute("UPDATE calscim.tokens SET revoked_at = now()")
    await admin.create_token(stage.db, EDITOR, stage.directory, name="short", seconds=3600)
    now = datetime.now(UTC)
    assert await conditions(stage, now=now) == []

    (soon,) = await conditions(stage, now=now + timedelta(minutes=50))
    await stage.db.execute("UPDATE calscim.tokens SET expires_at = now() - interval '1 hour'")
    (late,) = await conditions(stage)

    assert {soon.event, late.event} == {Event.TOKEN_EXPIRING}
    assert soon.key == late.key
    assert "expired" in late.summary


async def test_a_directory_that_is_silent_for_twice_its_longest_pause_is_a_condition(stage):
    for number in range(25):
        await stage.okta.assign(f"p{number}@acme.example", "P", "Example")
    now = datetime.now(UTC)
    assert await conditions(stage, Event.DIRECTORY_SILENT) == []

    await stage.db.execute(
        "INSERT INTO calscim.token_uses SELECT id, now() - interval '25 hours' FROM calscim.tokens "
        "ON CONFLICT (token_id) DO UPDATE SET used_at = excluded.used_at"
    )
    (silent,) = await conditions(stage, Event.DIRECTORY_SILENT, now)

    assert silent.directory == "Okta"
