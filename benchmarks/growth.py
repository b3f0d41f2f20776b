"""Measure how the cost of a pass and of a request grows with people, groups, teams, journal rows, and directories.

One of the numbers changes at a time; the others are those of the first line, which is the baseline. Each line is
measured in a process of its own, which contains the SCIM server, the reconciler, and the simulated Cal.com. The time
of a pass is therefore what calscim and its database need, and Cal.com's rate limit comes on top of it.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from benchmarks.bodies import patch
from benchmarks.company import Company, fill
from benchmarks.machine import describe
from benchmarks.servers import headers
from benchmarks.wire import Connection, median
from calscim import admin, logs
from calscim.postgres import embedded, migrations
from calscim.postgres.pool import Database
from calscim.reconciler.report import Report
from calscim.testing.calcom.calcom import World
from tests.support.stage import EDITOR, Stage, staged

A_MINUTE = 120  # calls that Cal.com accepts
REQUESTS = 100
BASELINE = Company(people=5_000, groups=100, teams=100, rows=50_000, each=2)
SIZES: dict[str, tuple[int, ...]] = {
    "people": (1_000, 10_000, 50_000),
    "groups": (1_000, 5_000),
    "teams": (10, 1_000),
    "rows": (500_000, 1_000_000),
    "directories": (10, 100),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one size costs: seconds, and the calls of a pass that changes nothing."""

    first: float  # a pass that finds everybody on their teams and records it
    idle: float  # a pass that changes nothing
    calls: int
    pushed: float  # from the change of a group to the call that adds the person to the team
    lookup: float  # by userName
    member: float  # a PATCH that adds one member


def main(*, quick: bool = False) -> None:
    """Print the table."""
    print(describe())
    print("Growth")
    print(_HEADING)
    sizes = {name: found[:1] for name, found in SIZES.items()} if quick else SIZES
    for axis, number in [("", 0), *((axis, n) for axis, found in sizes.items() for n in found)]:
        command = [sys.executable, "-m", "benchmarks.growth", axis or "baseline", str(number)]
        cost = Cost(**json.loads(subprocess.check_output(command, text=True)))
        print(_line("baseline" if not axis else f"{number:,} {_NAMES.get(axis, axis)}", cost))


_NAMES = {"rows": "journal rows"}
_HEADING = (
    f"baseline: {BASELINE.people:,} people in {BASELINE.each} of {BASELINE.groups} mapped groups, "
    f"{BASELINE.rows:,} journal rows, one directory\n"
    f"{'':<24}{'first':>9}{'idle':>9}{'calls':>7}{'at 120/min':>12}{'push':>8}{'look-up':>9}{'PATCH':>9}"
)


def _line(name: str, cost: Cost) -> str:
    return (
        f"{name:<24}{cost.first:>7.2f} s{cost.idle:>7.2f} s{cost.calls:>7,}"
        f"{cost.calls / A_MINUTE:>8.1f} min{cost.pushed * 1e3:>5.0f} ms{cost.lookup * 1e3:>6.1f} ms"
        f"{cost.member * 1e3:>6.1f} ms"
    )


def company(axis: str, number: int) -> tuple[Company, int]:
    """Return the size of a line, and its number of directories."""
    if axis == "directories":
        return BASELINE, number
    if axis == "teams":  # a mapped team needs a group
        return replace(BASELINE, groups=max(number, BASELINE.groups), teams=number), 1
    return (BASELINE if axis == "baseline" else replace(BASELINE, **{axis: number})), 1


async def measure(size: Company, directories: int) -> Cost:
    """Return what one size costs."""
    with tempfile.TemporaryDirectory(prefix="calscim-bench-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        async with await embedded.start(Path(made) / "postgres") as running:
            owner = await asyncpg.connect(running.owner_dsn)
            await migrations.ensure(owner, embedded.SERVING_ROLE)
            world = _world(size)
            async with (
                await Database.open(running.serving_dsn) as db,
                staged(db, lambda **known: _take_over(world, **known)) as stage,
            ):
                stage.organize(requests_per_minute=10**9, import_existing=False)
                teams = [world.team_id(f"Team {n + 1}") for n in range(size.teams)]
                await fill(owner, stage.directory.id, size, teams)
                await _add_directories(owner, db, directories - 1)
                cost = await _measure(stage)
            await owner.close()
    return cost


def _world(size: Company) -> World:
    """Return a Cal.com in which everybody is on their teams, as far as their groups are mapped."""
    world = World(organization_id=42)
    world.add_person("chief@acme.example", role="OWNER")
    teams = [world.add_team(f"Team {n + 1}", slug=f"team-{n + 1}") for n in range(size.teams)]
    for number in range(1, size.people + 1):
        account = world.add_person(f"user{number}@acme.example")
        for step in range(size.each):
            place = (number + step) % size.groups
            if place < size.teams:
                world.join(account, teams[place], "MEMBER", accepted=True)
    return world


def _take_over(world: World, *, organization_id: int, api_key: str) -> World:
    world.organization_id, world.api_key = organization_id, api_key
    return world


async def _add_directories(
    owner: "asyncpg.Connection[asyncpg.Record]", db: Database, count: int
) -> None:
    """Add directories, each with ten people of addresses that another directory has too, and one group."""
    for number in range(count):
        made = await admin.create_directory(
            db, EDITOR, organization="acme", name=f"Okta {number}", provider="okta-scim-v2"
        )
        await fill(owner, made.id, Company(people=10, groups=1, teams=0, rows=0), [])


async def _measure(stage: Stage) -> Cost:
    first = await _seconds(stage.full())
    stage.simulation.calls.clear()
    idle = await _seconds(stage.full())
    calls = sum(stage.simulation.calls.values())
    url = urlsplit(stage.okta.base_url)
    assert url.hostname is not None
    connection = Connection(url.hostname, url.port or 0, headers(stage.okta.token))
    users, groups = f"{url.path}/Users", f"{url.path}/Groups"

    async def found(path: str) -> list[str]:
        status, answer = await connection.send("GET", path)
        assert status == 200, answer[:300]
        return [one["id"] for one in json.loads(answer)["Resources"]]

    (group,) = await found(f"{groups}?filter=displayName%20eq%20%22Group%201%22")
    people = iter(await found(f"{users}?startIndex=101&count={REQUESTS + 50}"))

    def add() -> bytes:
        member = {"value": next(people)}
        return patch({"op": "add", "path": "members", "value": [member]})

    async def look_up() -> tuple[int, bytes]:
        return await connection.send(
            "GET", f"{users}?filter=userName%20eq%20%22user77@acme.example%22"
        )

    async def patched() -> tuple[int, bytes]:
        return await connection.send("PATCH", f"{groups}/{group}", add())

    await median(10, look_up)
    lookup = await median(REQUESTS, look_up)
    member = await median(REQUESTS, patched)
    await stage.push()
    pushed = []
    for _ in range(5):
        await patched()
        pushed.append(await _seconds(stage.push()))
    return Cost(first, idle, calls, sorted(pushed)[2], lookup, member)


async def _seconds(work: Awaitable[Report | None]) -> float:
    """Return how long a pass takes. Raise RuntimeError if Cal.com is not in sync afterwards."""
    began = time.perf_counter()
    report = await work
    took = time.perf_counter() - began
    if report is None or not report.in_sync:
        raise RuntimeError(f"the pass did not end in sync: {report}")
    return took


if __name__ == "__main__":
    if len(sys.argv) == 3:
        logs.configure("error", "json")
        result = asyncio.run(measure(*company(sys.argv[1], int(sys.argv[2]))))
        print(json.dumps(asdict(result)))
    else:
        main(quick="--quick" in sys.argv)
