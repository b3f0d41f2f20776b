"""The line that `systemctl status` shows follows the organizations."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from calscim.app import status_line
from calscim.app.status_line import LONGEST, StatusLine, line
from calscim.app.stored_state import DirectoryState, OrganizationState, StateReader, StoredState
from calscim.clock import SystemClock
from calscim.errors import StoreUnavailable
from tests.support.stage import PEOPLE, staged
from tests.support.waiting import until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACME = OrganizationState("acme", 0, 0, 0, None, NOW, 0, 0)


@pytest.fixture
async def stage(db):
    async with staged(db) as ready:
        yield ready


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, "in sync"),
        ({"held_sets": 1, "held_actions": 2}, "in sync; 2 held"),
        ({"held_actions": 2, "parked_actions": 1, "waiting_people": 3}, "in sync; 2 held; 1 parked; 3 waiting"),
        ({"pending": 1}, "1 change to make"),
        ({"pending": 1200}, "1,200 changes to make"),
        ({"last_complete": None}, "no complete pass yet"),
        ({"failing_passes": 2}, "part of Cal.com cannot be read"),
        ({"outage": "key_refused"}, "Cal.com refuses the API key"),
        ({"outage": "rate_limit"}, "the rate limit of Cal.com is used up"),
        ({"outage": "unreachable", "parked_actions": 4}, "Cal.com cannot be reached; 4 parked"),
    ],
)  # fmt: skip
def test_an_organization_is_described_in_words(state, expected):
    assert line(StoredState([replace(ACME, **state)])) == f"acme: {expected}"


def test_a_paused_directory_is_named_by_its_organization():
    directory = DirectoryState("d", "Okta", "acme", "okta-scim-v2", NOW, None, 1)

    assert line(StoredState([ACME], [directory])) == "acme: in sync; paused"


def test_a_few_organizations_are_all_named():
    found = StoredState([ACME, replace(ACME, name="globex", held_actions=2)])

    assert line(found) == "acme: in sync | globex: in sync; 2 held"


def test_of_many_organizations_only_those_with_something_to_do_are_named():
    many = [replace(ACME, name=f"org-{number}") for number in range(200)]

    found = StoredState([*many, replace(ACME, name="globex", held_actions=2)])

    assert line(StoredState(many)) == "200 organizations in sync"
    assert line(found) == "globex: in sync; 2 held | 200 organizations in sync"


def test_the_line_is_short_however_many_organizations_have_something_to_do():
    many = [replace(ACME, name=f"organization-{number}", parked_actions=1) for number in range(500)]

    shown = line(StoredState([*many, ACME]))

    assert len(shown) <= LONGEST
    assert shown.startswith("organization-0: in sync; 1 parked | organization-1: ")
    assert shown.endswith(" more in `calscim status` | 1 organization in sync")


class Shown(list[str]):
    """The lines that systemd would get."""

    def watching(self, db, unready, monkeypatch) -> StatusLine:
        monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
        monkeypatch.setattr(status_line, "PAUSE", 0.0)
        return StatusLine(StateReader(db, ["acme"], ()), unready, SystemClock(), self.append)


async def _ready():
    return None


async def test_the_line_follows_each_pass(stage, monkeypatch):
    shown = Shown()
    watched = shown.watching(stage.db, _ready, monkeypatch)
    task = asyncio.create_task(watched.run())
    await until(lambda: shown == ["STATUS=acme: no complete pass yet"])

    await stage.given("Sales", "managed", *PEOPLE)
    watched.wake()
    await until(lambda: shown[-1] == "STATUS=acme: in sync")
    await stage.okta.push_now("Sales", [])
    await stage.full()
    watched.wake()
    await until(lambda: shown[-1] == f"STATUS=acme: in sync; {len(PEOPLE)} held")

    task.cancel()


async def test_the_line_says_that_the_database_is_away(db, monkeypatch):
    async def unready():
        return "the database is not available"

    async def refuse():
        raise StoreUnavailable("no answer")

    away, slow = Shown(), Shown()
    tasks = [
        asyncio.create_task(away.watching(db, unready, monkeypatch).run()),
        asyncio.create_task(slow.watching(db, refuse, monkeypatch).run()),
    ]

    await until(lambda: away and slow)

    assert away == ["STATUS=SCIM answers 503: the database is not available"]
    assert slow == ["STATUS=the database does not answer: no answer"]
    for task in tasks:
        task.cancel()


async def test_the_last_line_says_that_the_daemon_stops(db, monkeypatch):
    asked = []

    async def unready():
        asked.append(True)
        watched.wake()
        return "the database is not available"

    shown = Shown()
    watched = shown.watching(db, unready, monkeypatch)
    watched.stop()
    task = asyncio.create_task(watched.run())
    await until(lambda: len(asked) > 1)

    assert shown == ["STATUS=stopping: finishing what is under way"]
    task.cancel()


async def test_without_a_service_manager_nothing_is_read(monkeypatch):
    async def unready():
        raise AssertionError("the database was asked")

    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    watched = StatusLine(StateReader(None, ["acme"], ()), unready, SystemClock())

    await watched.run()
