"""Overview: one sentence about each organization, whatever its state is."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from calscim.admin.parked import ParkedAction
from calscim.admin.status import status
from calscim.admin.status_summary import State, summary
from calscim.admin.status_view import HeldSet, LeaseHolder, OpenWindow, Retry
from tests.support.console_site import console_site
from tests.support.stage import PEOPLE, address, staged

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
HELD = HeldSet("f00d", "max_removals_per_team", NOW, False, (), ())
PARKED = ParkedAction("acme", "member.add", "ann@acme.example", "", 1, "403 Forbidden", 1, NOW, NOW)


@pytest.fixture
async def stage(db):
    async with staged(db) as made:
        yield made


@pytest.fixture
async def site(stage):
    async with console_site(stage.db, stage=stage) as made:
        yield made


@pytest.fixture
async def well(db):
    """An organization that is in sync."""
    [found] = (await status(db, ["acme"])).organizations
    return replace(
        found, in_sync=True, last_pass=NOW, last_complete_pass=NOW, lease=LeaseHolder("host", 1)
    )


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({}, State.IN_SYNC, "In sync."),
        ({"lease": None, "last_pass": None}, State.NEW, "No pass has run yet."),
        ({"lease": None}, State.NO_DAEMON, "No daemon reconciles"),
        ({"window": OpenWindow("Sat 22:00-24:00", NOW)}, State.WINDOW, "maintenance window Sat"),
        ({"unreachable": "500"}, State.UNREACHABLE, "Cal.com cannot be used: 500."),
        ({"incomplete": ("team 7",)}, State.INCOMPLETE, "could not be read: team 7."),
        ({"last_complete_pass": None}, State.WORKING, "The first full pass is running."),
        ({"held": (HELD,)}, State.HELD, "1 set of changes is held"),
        ({"held": (HELD, HELD)}, State.HELD, "2 sets of changes are held"),
        ({"held": (replace(HELD, approved=True),)}, State.IN_SYNC, "In sync."),
        ({"parked": (PARKED,)}, State.PARKED, "refused a change of ann@acme.example"),
        ({"parked": (PARKED,) * 3}, State.PARKED, "and 2 more"),
        ({"waiting_total": 1}, State.WAITING, "In sync; 1 person waits"),
        ({"waiting_total": 1200}, State.WAITING, "In sync; 1,200 people wait"),
        ({"in_sync": False, "pending": 1}, State.WORKING, "1 change left"),
        ({"in_sync": False, "pending": 1000}, State.WORKING, "1,000 changes left"),
        ({"in_sync": False, "pending": 0}, State.WORKING, "Changes are on their way."),
    ],
)
async def test_each_state_is_one_sentence(well, changes, state, said):
    found = summary(replace(well, **changes))

    assert found.state is state
    assert said in found.text
    assert found.is_well or found.then.endswith(".")


async def test_a_retry_after_a_failure_does_not_hide_what_is_left(well):
    retry = Retry(NOW, None, 3)

    assert summary(replace(well, in_sync=False, pending=3, retry=retry)).text.startswith(
        "3 changes"
    )


async def test_before_the_first_full_pass_the_page_says_that_it_runs(browser):
    assert "The first full pass is running" in (await browser.open("/")).text


async def test_an_organization_in_sync_says_so(stage, browser):
    await stage.given("Sales", "managed", "ann")
    await stage.full()

    answer = await browser.open("/")

    assert "In sync." in answer.text
    assert 'class="verdict good"' in answer.text


async def test_a_held_set_is_on_top_with_a_link(stage, browser):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()

    answer = await browser.open("/")

    assert "1 set of changes is held for 5 people" in answer.text
    assert address("ann") in answer.text
    assert "Look at it" in answer.text
