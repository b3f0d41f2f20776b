"""One controller for all organizations of a process, and several on one database."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from calscim.app.wiring import RunningOrganization
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.clock import SystemClock
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler import controller as module
from calscim.reconciler import lease_sharing
from calscim.reconciler.controller import Controller
from calscim.reconciler.lease_sharing import LeaseSharing
from calscim.reconciler.metrics import Metrics
from calscim.reconciler.schedule import Timing
from calscim.reconciler.state import lease_candidates, leases, passes
from calscim.reconciler.state.lease_candidates import LeaseShare
from tests.support.driver import Driver, Hurried
from tests.support.stage import address
from tests.support.waiting import until

RENEWAL = sql("leases.renew_all")
HELD = "SELECT holder, count(*) AS held FROM calscim.leases WHERE expires_at > now() GROUP BY 1"


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(module, "POLL", 0.05)
    monkeypatch.setattr(module, "RENEW", 0.1)
    monkeypatch.setattr(lease_sharing, "STRANDED", 0.5)


@pytest.fixture
async def many(stage):
    """Many organizations that are one organization in Cal.com."""
    await leases.release(stage.db, stage.lease)
    return stage


def controller(stage, count, holder="one", interval=300.0) -> Controller:
    names = ["acme", *(f"org{number}" for number in range(1, count))]
    settings = replace(
        stage.settings,
        organizations=tuple(replace(stage.organization, name=name) for name in names),
    )
    clock, registry = SystemClock(), CollectorRegistry()
    timing, calls = Timing(interval, 0.01), CallMetrics(registry)
    made = {
        one.name: RunningOrganization(
            stage.db, settings, one, stage.session, clock, timing, calls
        ).make_reconciler
        for one in settings.organizations
    }
    return Controller(stage.db, holder, made, timing, clock, lambda: 0.5, Metrics(registry))


@asynccontextmanager
async def running(*controllers: Controller) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in controllers]
    try:
        yield
    finally:
        for one in controllers:
            one.stopping.set()
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks)


async def full_passes(stage) -> Counter[str]:
    rows = await stage.db.fetch(
        "SELECT organization, count(*) AS passes FROM calscim.reconcile_passes WHERE scope = 'full' AND complete GROUP BY 1"
    )
    return Counter({row["organization"]: row["passes"] for row in rows})


async def held(stage) -> dict[str, int]:
    return {row["holder"]: row["held"] for row in await stage.db.fetch(HELD)}


async def test_every_organization_has_its_periodic_passes(many):
    async with running(controller(many, 5, interval=0.2)):

        async def three_each():
            found = await full_passes(many)
            return len(found) == 5 and min(found.values()) >= 3

        await until(three_each, 30)


async def test_a_push_is_processed_and_a_sync_request_is_answered(many):
    one = controller(many, 3)
    await many.map("Sales", many.team_id("Sales"), "managed")
    async with running(one):
        await until(lambda: full_passes_of(many, 3), 20)
        await many.okta.assign(address("ann"), "Ann", "Example")
        await many.okta.push_group("Sales", [address("ann")])
        one.wake("acme")
        await until(lambda: address("ann") in many.team("Sales"), 10)
        request = await passes.request_sync(many.db, "org2")

        async def answered():
            return (await passes.load_answer(many.db, request)).complete

        await until(answered, 10)


async def full_passes_of(stage, count):
    return len(await full_passes(stage)) >= count


async def test_idling_takes_no_statement_for_each_organization(many, monkeypatch):
    asked: Counter[str] = Counter()
    turns = 0
    fetch = Database.fetch

    async def fetching(db, query, *arguments):
        asked[query] += 1
        return await fetch(db, query, *arguments)

    async def sleeping(clock, seconds):
        nonlocal turns
        turns += 1
        await asyncio.sleep(seconds)

    monkeypatch.setattr(Database, "fetch", fetching)
    monkeypatch.setattr(SystemClock, "sleep", sleeping)
    one = controller(many, 40)
    async with running(one):
        await until(lambda: full_passes_of(many, 40), 60)
        await until(lambda: not is_busy(one), 10)
        asked.clear()
        turns = 0
        await until(lambda: asked[RENEWAL] >= 5, 20)

        # Each loop sleeps once a turn; the first and the last turn are counted in part.
        assert max(asked.values()) <= turns + 2, asked


def is_busy(one):
    now = one.clock.monotonic()
    return any(held.task or held.assignment.due().at <= now for held in one._held.values())


async def test_an_overdue_pass_keeps_its_due_time(stage):
    class Creeping(Hurried):
        def monotonic(self):
            self.seconds += 1e-6
            return self.seconds

    driver = Driver.of(stage, Creeping())
    await driver.run_for(5)
    driver.clock.seconds += 400

    now = driver.clock.monotonic()

    assert driver.assignment.due().at < now


# ------------------------------------------------------------------ leases


async def test_a_lease_that_is_another_s_is_let_go_and_said(many):
    one = controller(many, 1)
    async with running(one):
        await until(lambda: full_passes_of(many, 1), 20)
        with capture_logs() as lines:
            await many.db.execute("UPDATE calscim.leases SET holder = 'another', term = term + 1")
            await until(lambda: not one._held, 10)

    assert [line["organization"] for line in lines if line["event"] == "lease.lost"] == ["acme"]
    assert (await many.db.fetchval("SELECT holder FROM calscim.leases")) == "another"


async def test_a_stopped_controller_has_released_its_leases_and_its_daemon_row(many):
    async with running(controller(many, 4)):
        await until(lambda: full_passes_of(many, 4), 20)

    assert await held(many) == {}
    assert await lease_candidates.load_shares(many.db) == {}


async def test_two_controllers_divide_organizations_and_one_takes_over_from_the_other(many):
    one, two = controller(many, 6, "one"), controller(many, 6, "two")
    async with running(one):
        await until(lambda: full_passes_of(many, 6), 20)
        async with running(two):

            async def shared():
                return await held(many) == {"one": 3, "two": 3}

            await until(shared, 10)
            assert not one._held.keys() & two._held.keys()

        async def all_are_ones():
            return await held(many) == {"one": 6}

        await until(all_are_ones, 10)


async def test_a_released_organization_does_not_count_as_stranded(db):
    one = LeaseSharing(db, "one", frozenset("ab"))
    for holder in ("one", "two"):
        await lease_candidates.register(db, holder, ["a", "b"])
    taken = await one.choose(["a", "b"], 0, 0.0)
    assert len(taken) == 1

    assert await one.choose(taken, 1, 100.0) == []


async def test_an_organization_that_stays_free_is_taken_beyond_the_share(db):
    one = LeaseSharing(db, "one", frozenset("ab"))
    for holder in ("one", "two"):
        await lease_candidates.register(db, holder, ["a", "b"])

    assert await one.choose(["a"], 1, 0.0) == []
    assert await one.choose(["a"], 1, lease_sharing.STRANDED) == ["a"]


# ------------------------------------------------------------------ parts


async def part_of(db, **configured):
    for holder, names in configured.items():
        await lease_candidates.register(db, holder, names.split())
    return {holder: part.share for holder, part in (await lease_candidates.load_shares(db)).items()}


async def test_daemons_with_the_same_organizations_have_equal_parts(db):
    seven = " ".join(f"org{number}" for number in range(7))

    assert await part_of(db, one=seven, two=seven, three=seven) == dict.fromkeys(
        ("one", "two", "three"), 3
    )


async def test_an_organization_of_one_daemon_alone_belongs_to_its_share(db):
    assert await part_of(db, one="a b c d", two="a b") == {"one": 3, "two": 1}


@pytest.mark.parametrize("count", range(1, 12))
async def test_equal_shares_are_not_rounded_up_twice(db, count):
    names = " ".join(f"org{number}" for number in range(count))

    parts = await part_of(db, **{f"d{number}": names for number in range(count)})

    assert set(parts.values()) == {1}


async def test_a_daemon_that_is_silent_for_a_lease_s_time_has_no_part(db):
    await lease_candidates.register(db, "one", ["a", "b"])
    await lease_candidates.register(db, "two", ["a", "b"])
    await db.execute(
        "UPDATE calscim.lease_candidates SET expires_at = 'epoch' WHERE holder = 'two'"
    )

    assert await lease_candidates.load_shares(db) == {"one": LeaseShare(2, 0)}
