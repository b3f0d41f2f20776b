"""Maintenance windows: the daemon accepts pushes, leaves Cal.com unchanged, and catches up afterwards."""

from datetime import UTC, datetime

import pytest

from calscim.clock import SystemClock
from calscim.config.windows import window
from calscim.exit_codes import ExitCode
from calscim.planner.actions import State
from calscim.planner.render import exit_code
from calscim.reconciler.from_settings import windows
from tests.support.views import explain, status

ANN, BOB = "ann@acme.example", "bob@acme.example"
ALWAYS = (window("daily 00:00-24:00 UTC"),)


class Frozen(SystemClock):
    """A clock that shows the time that the test sets."""

    def __init__(self, text: str) -> None:
        self.moment = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
async def closed(stage):
    """Push ann while a maintenance window is open."""
    await stage.given("Sales", "exclusive", "bob")
    stage.reconcile(windows=ALWAYS)
    stage.simulation.writes.clear()
    await stage.okta.assign(ANN, "Ann", "Example")
    await stage.okta.add_members("Sales", [ANN])
    await stage.push()
    return stage


async def test_in_a_window_pushes_are_taken_and_nothing_is_written(closed):
    await closed.okta.deactivate(BOB)
    await closed.push()
    closed.world.add_person("eve@acme.example", name="Eve")
    closed.world.put_on_team("Sales", "eve@acme.example")

    report = await closed.full()

    assert closed.simulation.writes == []
    assert report.window_left is not None
    assert BOB in closed.team("Sales")


async def test_plan_and_explain_show_paused_actions_as_paused(closed):
    plan = await closed.plan()

    told = await explain(closed.db, closed.settings, closed.organization, ANN, None)

    assert {action.state for action in plan.actions} == {State.PAUSED}
    assert exit_code(plan) == ExitCode.IN_SYNC
    assert told["because"].startswith("user.create (paused)")


async def test_the_first_full_pass_after_a_pause_makes_the_paused_changes(closed):
    await closed.full()
    closed.reconcile(windows=())

    report = await closed.full()

    assert set(closed.team("Sales")) == {ANN, BOB}
    assert report.window_left is None


async def test_an_organizations_own_maintenance_window_pauses_it_too(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    stage.organize(windows=ALWAYS)

    await stage.okta.remove_members("Sales", [ANN])
    await stage.push()

    assert ANN in stage.team("Sales")


async def test_a_pass_makes_room_for_a_window_that_opens_in_its_middle(stage):
    people = ("ann", "bob", "cem", "dan")
    for name in people:
        await stage.okta.assign(f"{name}@acme.example", name, "Example")
    stage.reconcile(windows=(window("Sat 22:00-06:00 UTC"),))
    clock = Frozen("2026-11-21T21:59:59")
    stage.reconciler.clock = clock

    def after_two() -> bool:
        if len(stage.simulation.writes) == 2:
            clock.moment = datetime(2026, 11, 21, 22, tzinfo=UTC)
        return False

    report = await stage.reconciler.run_full(after_two)
    again = await stage.full()

    assert report.interrupted
    assert len(stage.simulation.writes) == 2
    assert report.window_left == 8 * 3600
    assert not again.interrupted
    clock.moment = datetime(2026, 11, 22, 6, tzinfo=UTC)
    await stage.full()
    assert len(stage.simulation.writes) == 4


async def test_status_says_which_window_is_open_and_until_when(stage):
    stage.reconcile(windows=(window("Sat 22:00-06:00 Europe/Berlin"),))
    known = {"acme": windows(stage.settings, stage.organization)}
    night, noon = (datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (1, 12))

    [inside] = (await status(stage.db, ["acme"], known, night))["organizations"]
    [outside] = (await status(stage.db, ["acme"], known, noon))["organizations"]

    assert inside["window"] == {
        "window": "Sat 22:00-06:00 Europe/Berlin",
        "until": "2026-11-22T05:00:00Z",
    }
    assert outside["window"] is None
    assert outside["next_window"] == "2026-11-28T21:00:00Z"
