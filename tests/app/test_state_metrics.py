"""The metrics of what is stored in Postgres are correct in the first scrape after a change, on every daemon."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from calscim import admin
from calscim.admin.approvals import approve
from calscim.app.state_metrics import FRESH, SILENCE_EVERY, StateMetrics
from calscim.app.stored_state import StateReader
from calscim.errors import StoreUnavailable
from calscim.testing.calcom.calcom import Fault
from tests.support.driver import Driver, Hurried
from tests.support.stage import EDITOR, PEOPLE, address, staged

ACME = {"organization": "acme"}


@pytest.fixture
async def stage(db):
    async with staged(db) as ready:
        yield ready


class Scraped:
    """The registry of a daemon, read as /metrics reads it."""

    def __init__(self, db, channels=()):
        self.reason = None
        self.clock = Hurried()
        self.registry = CollectorRegistry()
        reader = StateReader(db, ["acme"], channels)
        self.metrics = StateMetrics(reader, self.unready, self.clock)
        self.registry.register(self.metrics)

    async def unready(self):
        return self.reason

    async def __call__(self, name, labels=ACME):
        self.clock.seconds += FRESH
        await self.metrics.refresh()
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def scrape(db):
    return Scraped(db)


async def test_a_hold_shows_at_once_and_its_approval_ends_it_at_once(stage, scrape):
    await stage.given("Sales", "managed", *PEOPLE)
    assert await scrape("calscim_sets_held") == 0
    await stage.okta.push_now("Sales", [])
    await stage.full()
    assert await scrape("calscim_sets_held") == 1
    assert await scrape("calscim_actions_held") == len(PEOPLE)

    (row,) = await stage.db.fetch("SELECT hash FROM calscim.holds")
    await approve(stage.db, EDITOR, "acme", row["hash"], [row["hash"]])

    assert await scrape("calscim_sets_held") == 0
    assert await scrape("calscim_actions_held") == 0


async def test_a_hold_that_resolves_by_an_incremental_pass_ends_at_once(stage, scrape):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()

    await stage.okta.push_now("Sales", [address(person) for person in PEOPLE])
    await stage.push()
    await stage.full()

    assert await scrape("calscim_actions_held") == 0


async def test_a_parked_change_has_an_age(stage, scrape):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.db.execute(
        "INSERT INTO calscim.parked_actions (organization, kind, subject, email, reason, refused, fingerprint, "
        "attempts, since, next_try) VALUES ('acme', 'member.add', '1', 'ann@acme.example', 'no', true, 'x', 3, "
        "clock_timestamp() - interval '2 hours', now())"
    )

    assert await scrape("calscim_actions_parked") == 1
    assert await scrape("calscim_oldest_parked_seconds") == pytest.approx(7200, abs=60)


async def test_without_a_parked_change_the_age_is_0(stage, scrape):
    assert await scrape("calscim_oldest_parked_seconds") == 0


async def test_the_time_of_the_last_complete_pass_outlives_the_daemon(stage, scrape):
    assert await scrape("calscim_last_complete_pass_timestamp_seconds") == 0
    await stage.full()
    now = datetime.now(UTC).timestamp()

    another = Scraped(stage.db)

    last = await another("calscim_last_complete_pass_timestamp_seconds")
    assert last == pytest.approx(now, abs=60)


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "key_refused"), (429, "rate_limit"), (503, "unreachable")]
)
async def test_an_outage_of_cal_com_has_a_reason_and_ends(stage, scrape, status, reason):
    driver = Driver.of(stage, Hurried())
    await driver.step()
    stage.simulation.faults = [Fault(status=status, times=-1)]
    await driver.run_for(400)

    labels = {"organization": "acme", "reason": reason}
    assert await scrape("calscim_calcom_outage", labels) == 1
    stage.simulation.faults = []
    await driver.run_for(400)
    assert await scrape("calscim_calcom_outage", labels) == 0


async def test_a_pause_shows_at_once_with_its_start(stage, scrape):
    labels = {"directory": stage.directory.id, "name": stage.directory.name}
    since = "calscim_directory_paused_timestamp_seconds"
    assert await scrape("calscim_directory_paused", labels) == 0
    assert await scrape(since, labels) is None

    await admin.pause(
        stage.db, EDITOR, organization="acme", scope="directory", target=stage.directory.id
    )

    assert await scrape("calscim_directory_paused", labels) == 1
    assert await scrape(since, labels) == pytest.approx(datetime.now(UTC).timestamp(), abs=60)


async def test_a_mapping_without_a_group_waits(stage, scrape):
    await stage.map("Ghosts", stage.team_id("Sales"), "managed")

    assert await scrape("calscim_mappings_waiting") == 1


async def test_a_directory_without_a_valid_token_shows(stage, scrape):
    labels = {"directory": stage.directory.id, "name": stage.directory.name}
    assert await scrape("calscim_tokens_valid", labels) == 1

    await stage.db.execute("UPDATE calscim.tokens SET revoked_at = now()")

    assert await scrape("calscim_tokens_valid", labels) == 0


async def test_a_directory_has_its_names_and_its_last_request(stage, scrape):
    labels = {"directory": stage.directory.id, "name": stage.directory.name}
    last = "calscim_directory_last_request_timestamp_seconds"
    assert await scrape(last, labels) is None
    used = datetime.now(UTC) - timedelta(hours=1)
    await stage.db.execute(
        "INSERT INTO calscim.token_uses SELECT id, $1::timestamptz FROM calscim.tokens", used
    )

    assert await scrape(last, labels) == pytest.approx(used.timestamp())
    more = {"organization": "acme", "provider": stage.directory.provider}
    assert await scrape("calscim_directory_info", labels | more) == 1


async def test_a_directory_with_a_rhythm_has_a_limit_of_silence(stage, scrape):
    labels = {"directory": stage.directory.id, "name": stage.directory.name}
    limit = "calscim_directory_silence_limit_seconds"
    assert await scrape(limit, labels) is None
    for number in range(25):
        await stage.okta.assign(f"person{number}@acme.example", "P", "Erson")

    scrape.clock.seconds += SILENCE_EVERY

    assert await scrape(limit, labels) == 24 * 3600


async def test_a_channel_that_has_sent_nothing_is_not_failing(db):
    scrape = Scraped(db, ["on-call"])

    assert await scrape("calscim_notifications_failing", {"channel": "on-call"}) == 0
    assert await scrape("calscim_notifications_waiting", {"channel": "on-call"}) == 0


async def test_during_an_outage_of_the_database_the_last_values_stay(stage, scrape, monkeypatch):
    await stage.given("Sales", "managed", *PEOPLE)
    await stage.okta.push_now("Sales", [])
    await stage.full()
    assert await scrape("calscim_database_up", {}) == 1
    scrape.reason = "unreachable"

    async def away(*_):
        raise StoreUnavailable("unreachable")

    monkeypatch.setattr(StateReader, "read", away)

    assert await scrape("calscim_database_up", {}) == 0
    assert await scrape("calscim_sets_held") == 1


async def test_scrapes_at_the_same_time_share_one_reading(stage, scrape, monkeypatch):
    read, readings = StateReader.read, []

    async def counted(self):
        readings.append(self)
        return await read(self)

    monkeypatch.setattr(StateReader, "read", counted)

    await scrape("calscim_sets_held")
    await scrape.metrics.refresh()

    assert len(readings) == 1


def test_every_metric_has_a_sample_or_is_documented_as_absent(scrape):
    described = {family.name for family in scrape.metrics.describe()}

    assert "calscim_sets_held" in described
    assert {family.name for family in scrape.metrics.collect()} == described
