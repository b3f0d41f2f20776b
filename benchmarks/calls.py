"""Count the calls to Cal.com that a company costs, and compare them with the minimum.

The scenarios are a first import that is interrupted several times at random moments, a pass that changes nothing, and
one pushed change. The minimum is calculated: one write for each invitation and each membership, one read for each page.
"""

import asyncio
import random
import shutil
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path

import asyncpg
import orjson

from benchmarks.machine import describe
from calscim import logs
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange
from calscim.journal.append import Origin
from calscim.postgres import embedded, migrations
from calscim.postgres.pool import Database
from calscim.scim import decode as payload
from calscim.scim.users import to_state
from tests.support.stage import Stage, staged

PEOPLE, TEAMS, EACH = 5_000, 100, 2  # EACH: the number of teams of each person
PAGE = 250
BREAKS = 5
A_MINUTE = 120  # calls that Cal.com accepts


async def fill(stage: Stage, people: int, teams: int) -> dict[int, list[uuid.UUID]]:
    """Create the directory as Okta pushes it: all users, and a mapped group for each team."""
    stage.organize(requests_per_minute=10**9)
    numbers = [uuid.uuid4() for _ in range(people)]
    for n, number in enumerate(numbers):
        body = {
            "userName": f"person{n}@acme.example",
            "name": {"givenName": f"Person{n}", "familyName": "Example"},
            "emails": [{"value": f"person{n}@acme.example", "type": "work", "primary": True}],
        }
        origin = Origin(stage.directory.id, f"push-{n}", body=orjson.dumps(body))
        await resources.create_user(stage.db, origin, number, to_state(payload.user(body)), "")
    groups: dict[int, list[uuid.UUID]] = {}
    for t in range(teams):
        stage.world.add_team(f"Team {t}", slug=f"team-{t}")
        members = [number for n, number in enumerate(numbers) if t in _teams_of(n, teams)]
        group = uuid.uuid4()
        data = orjson.dumps({"displayName": f"Team {t}"}).decode()
        await resources.create_group(
            stage.db,
            Origin(stage.directory.id, f"group-{t}"),
            group,
            GroupState(f"Team {t}", None, data),
            MemberChange(add=frozenset(members)),
            "",
        )
        await stage.map(f"Team {t}", stage.team_id(f"Team {t}"), "managed")
        groups[t] = [group, *members]
    return groups


def _teams_of(person: int, teams: int) -> set[int]:
    return {(person * 7 + turn * 13) % teams for turn in range(EACH)}


async def _imported(stage: Stage, breaks: int) -> int:
    """Run full passes until Cal.com is in sync; return how many of the first ones were interrupted."""
    chance = random.Random(1)
    for cut in range(breaks):
        task = asyncio.create_task(stage.full())
        done, _ = await asyncio.wait({task}, timeout=1 + 4 * chance.random())
        if done:
            return cut
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await stage.restart()
    while not (await stage.full()).in_sync:
        pass
    return breaks


def _pages(rows: int) -> int:
    """Return how many calls a list takes; it ends with the first page that is not full."""
    return rows // PAGE + 1


def _reads_and_writes(stage: Stage) -> tuple[int, int]:
    reads = sum(n for call, n in stage.simulation.calls.items() if call.startswith("GET"))
    return reads, sum(stage.simulation.calls.values()) - reads


async def measure(people: int, teams: int) -> list[str]:
    folder = Path(tempfile.mkdtemp(prefix="calscim-calls-"))
    folder.chmod(0o755)
    running = await embedded.start(folder / "postgres")
    owner = await asyncpg.connect(running.owner_dsn)
    await migrations.migrate(owner, embedded.SERVING_ROLE)
    await owner.close()
    lines: list[str] = []
    try:
        async with await Database.open(running.owner_dsn) as db, staged(db) as stage:
            groups = await fill(stage, people, teams)
            sizes = [len(members) - 1 for members in groups.values()]

            began = time.perf_counter()
            stage.simulation.calls.clear()
            breaks = await _imported(stage, BREAKS)
            reads, writes = _reads_and_writes(stage)
            least = people + sum(sizes)
            whole = (reads + writes) / least
            lines.append(
                f"first import of {people:,} people and {teams} teams, interrupted {breaks} times: "
                f"{writes:,} writes and {reads:,} reads, the minimum is {least:,} writes: "
                f"{whole:.3f} of the minimum (reach 1.10), "
                f"{(reads + writes) / A_MINUTE / 60:.1f} hours at {A_MINUTE} a minute; "
                f"{time.perf_counter() - began:.0f} s here"
            )

            stage.simulation.calls.clear()
            began = time.perf_counter()
            assert (await stage.full()).in_sync
            reads, writes = _reads_and_writes(stage)
            people_count = len(stage.people())  # with the owner
            idle = sum(map(_pages, (people_count, *sizes)))
            lines.append(
                f"a pass that changes nothing: {reads:,} reads and {writes} writes, "
                f"the pages of members alone are {idle:,}: {reads / idle:.3f} of the minimum (reach 1.03); "
                f"{time.perf_counter() - began:.2f} s here"
            )

            group, *members = groups[0]
            stage.simulation.calls.clear()
            await resources.update_group(
                stage.db,
                Origin(stage.directory.id, "one-leaves"),
                group,
                None,
                MemberChange(remove=frozenset(members[:1])),
                "",
            )
            await stage.push()
            reads, writes = _reads_and_writes(stage)
            lines.append(f"one pushed change: {reads} reads and {writes} write (reach 3 and 1)")
    finally:
        running.server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
    return lines


def main(*, quick: bool = False) -> None:
    logs.configure("error", "json")
    print(describe())
    print("Calls to Cal.com")
    people, teams = (500, 10) if quick else (PEOPLE, TEAMS)
    print("\n".join(asyncio.run(measure(people, teams))))


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
