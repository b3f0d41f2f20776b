"""The reads of a large periodic pass are spread: within their share of the calls, after pushes."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest

from calscim.calcom.rate_budget import Budget
from calscim.calcom.reader import Reader
from calscim.planner.observed_state import TeamMember
from calscim.reconciler.observed_cache import ObservedCache
from calscim.reconciler.paced_reader import PacedReader
from calscim.reconciler.report import Report
from calscim.reconciler.state import passes
from calscim.testing.calcom.calcom import Fault
from tests.support.driver import Driver, Hurried

TEAMS = [f"T{number:02}" for number in range(12)]
MEMBERS = "GET /v2/organizations/#/teams/#/memberships"
LIMIT = 20  # calls a minute, so that twelve teams are more than half


@pytest.fixture
def clock():
    return Hurried()


@pytest.fixture
async def many(stage, clock):
    """Twelve exclusive teams with ann, in sync, whose reads take more than half of the rate limit."""
    for name in TEAMS:
        stage.world.add_team(name, slug=name.lower())
        await stage.map("All", stage.team_id(name), "exclusive")
    for name in ("ann", "bob"):
        await stage.okta.assign(f"{name}@acme.example", name, "Example")
    await stage.okta.push_group("All", ["ann@acme.example"])
    await stage.full()
    await stage.full()
    stage.simulation.clock = clock.monotonic
    stage.simulation.throttle.__init__(LIMIT, clock.monotonic)
    stage.organize(requests_per_minute=LIMIT)
    stage.simulation.calls.clear()
    return stage


@dataclass
class Watched(Driver):
    """A driver that records when each team was read and each full pass ended."""

    reads: list[float] = field(default_factory=list)
    fulls: list[float] = field(default_factory=list)

    async def step(self) -> Report | None:
        self._note_reads()
        report = await super().step()
        self._note_reads()
        if report is not None and report.scope == "full":
            self.fulls.append(self.clock.monotonic())
        return report

    def _note_reads(self) -> None:
        new = self.stage.simulation.calls[MEMBERS] - len(self.reads)
        self.reads += [self.clock.monotonic()] * new


async def run(stage, clock, until) -> Watched:
    loop = Watched.of(stage, clock)
    async with asyncio.timeout(60):
        await loop.run(until)
    return loop


async def second_pass(loop, reconciler):
    return len(loop.fulls) == 2


def busiest(times: list[float]) -> int:
    """Return the highest number of reads within a minute."""
    return max(sum(start <= time < start + 60 for time in times) for start in times)


async def test_the_reads_of_a_periodic_pass_are_spread_within_their_share(many, clock):
    loop = await run(many, clock, second_pass)

    spread = [time for time in loop.reads if time > loop.fulls[0]]
    assert len(spread) == len(TEAMS)
    assert busiest(spread) <= LIMIT / 2
    assert spread[-1] - spread[0] > 100
    assert loop.fulls[1] - loop.fulls[0] == pytest.approx(300, abs=10)
    assert many.simulation.throttled == 0
    latest = await passes.load_latest(many.db, "acme")
    assert latest.complete and latest.in_sync


async def test_a_pass_that_takes_less_than_its_share_reads_all_at_once(many, clock):
    many.reconcile(read_budget_share=1.0)

    loop = await run(many, clock, second_pass)

    assert len({time for time in loop.reads if time > loop.fulls[0]}) == 1


async def test_a_push_during_paced_reads_is_processed_before_they_end(many, clock):
    done_at = []

    async def until(loop, reconciler):
        if len(reconciler.paced_reader.left) == 8 and len(loop.fulls) == 1 and not done_at:
            done_at.append(0)
            await many.okta.add_members("All", ["bob@acme.example"])
        if done_at == [0] and all("bob@acme.example" in many.team(name) for name in TEAMS):
            done_at[0] = len(reconciler.paced_reader.left)
        return len(loop.fulls) == 2

    loop = await run(many, clock, until)

    assert done_at[0] > 0
    assert many.simulation.throttled == 0
    assert loop.fulls[1] - loop.fulls[0] < 450


async def test_a_requested_sync_reads_everything_at_once(many, clock):
    asked = []

    async def until(loop, reconciler):
        if len(reconciler.paced_reader.left) == 6 and len(loop.fulls) == 1 and not asked:
            asked.append(many.simulation.calls[MEMBERS])
            await passes.request_sync(many.db, "acme")
        return len(loop.fulls) == 2

    await run(many, clock, until)

    assert many.simulation.calls[MEMBERS] - asked[0] == len(TEAMS)


async def test_drift_that_ended_before_the_full_pass_is_not_corrected(many, clock):
    many.world.add_person("eve@acme.example", name="Eve")

    async def until(loop, reconciler):
        if reconciler.paced_reader.is_active and len(reconciler.paced_reader.left) == 11:
            many.world.put_on_team("T05", "eve@acme.example")
        read = reconciler.paced_reader.began is not None and not reconciler.paced_reader.is_active
        if read and "eve@acme.example" in many.team("T05"):
            many.world.take_off_team("T05", "eve@acme.example")
        return len(loop.fulls) == 2

    many.simulation.writes.clear()
    loop = await run(many, clock, until)

    assert many.simulation.writes == []
    again = 2  # of T05; a list that has become much shorter is looked at twice
    assert len([time for time in loop.reads if time > loop.fulls[0]]) == len(TEAMS) + again


async def test_drift_is_corrected_and_its_team_is_read_first_next_time(many, clock):
    many.world.add_person("eve@acme.example", name="Eve")
    first = []

    async def until(loop, reconciler):
        there = "eve@acme.example" in many.team("T07")
        if len(loop.fulls) == 1 and reconciler.paced_reader.began is None and not there:
            many.world.put_on_team("T07", "eve@acme.example")
        if (
            len(loop.fulls) == 2
            and len(reconciler.paced_reader.left) == len(TEAMS) - 1
            and not first
        ):
            first.extend(set(reconciler.view.teams) - set(reconciler.paced_reader.left))
        return bool(first)

    await run(many, clock, until)

    assert "eve@acme.example" not in many.team("T07")
    assert first == [many.team_id("T07")]


async def test_a_retry_reads_only_the_team_that_could_not_be_read(many, clock):
    number = many.team_id("T03")
    many.simulation.faults = [Fault(method="GET", path=f"/teams/{number}/", kind="status", times=3)]

    loop = await run(many, clock, second_pass)

    assert loop.fulls[1] - loop.fulls[0] < 90  # the minute's calls were used up
    assert len([time for time in loop.reads if time > loop.fulls[0]]) <= 3


async def test_a_deleted_team_does_not_cause_repeated_full_passes(many, clock):
    await many.map("All", 4711, "managed")

    loop = await run(many, clock, second_pass)

    assert loop.fulls[1] - loop.fulls[0] > 250


# -------------------------------------------------------------------- one read is one look


async def test_a_pass_over_earlier_reads_does_not_count_as_a_second_observation(stage):
    stage.world.add_person("eve@acme.example", name="Eve")
    await stage.given("Sales", "exclusive", "ann", "bob")
    stage.reconcile(drift_passes=2)
    stage.world.put_on_team("Sales", "eve@acme.example")
    await stage.full()
    began = stage.reconciler.clock.monotonic()
    stage.world.take_off_team("Sales", "ann@acme.example")
    await stage.reconciler.run_full(lambda: False, since=began - 3600)

    rows = await stage.db.fetch("SELECT pass_count FROM calscim.drift_observations")

    assert [row["pass_count"] for row in rows] == [2]  # drifting teams are read again before


async def test_an_absence_is_counted_once_a_read(stage):
    await stage.given("Sales", "managed", "ann", "bob")
    await stage.map("Sales", stage.team_id("Engineering"), "observe")
    await stage.full()
    number = stage.team_id("Engineering")
    before = stage.reconciler.records.counted[number]

    await stage.reconciler.run_full(lambda: False, since=stage.reconciler.clock.monotonic() - 3600)

    assert stage.reconciler.records.counted[number] == before
    assert stage.reconciler.records.newly_read() == set()


# -------------------------------------------------------------------- the order of a sweep


def paced_reader(clock, *, limit=20, share=0.5):
    view = ObservedCache(now=clock.monotonic)
    for team in (1, 2, 3, 4):
        view.teams[team] = {}
        view.read_at[team] = 100.0 - team
    return PacedReader(view, Reader(None), Budget(limit), clock, share)


def test_teams_with_drift_are_read_first_and_then_the_longest_unread(clock):
    one = paced_reader(clock)
    one.drifting = Counter({2: 5, 3: 1})

    one.begin()

    assert list(one.left) == [2, 3, 4, 1]


def test_reads_wait_when_their_share_of_the_minute_is_used(clock):
    one = paced_reader(clock)
    one.begin()
    for _ in range(7):
        one.budget.take(clock.monotonic())
    assert one.wait() == 0

    one.budget.take(clock.monotonic())  # two are reserved, ten are others'

    assert one.wait() == pytest.approx(60, abs=1)


def test_a_team_of_many_pages_waits_for_all_of_them(clock):
    one = paced_reader(clock)
    one.view.teams[4] = {n: TeamMember(n, n, None, True) for n in range(700)}
    one.begin()
    assert one.left[0] == 4
    for _ in range(6):
        one.budget.take(clock.monotonic())

    assert one.wait() > 0


def test_deleted_teams_are_not_read(clock):
    one = paced_reader(clock)
    one.view.gone = {2, 4}

    one.begin()

    assert set(one.left) == {1, 3}
