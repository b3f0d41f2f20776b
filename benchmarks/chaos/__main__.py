"""Inject failures while Okta pushes changes; exit with 0 only if no change is lost or duplicated.

Two daemons, one Postgres, a simulated Cal.com, and a simulated Okta run on this machine. Each round is a storm and a
calm: in the storm, pushes continue while one component after another fails; in the calm, Cal.com must be in sync again.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
import asyncpg

from benchmarks.chaos.load import Load
from benchmarks.chaos.storm import Storm
from benchmarks.machine import describe
from calscim.journal import chain
from calscim.postgres import migrations
from calscim.postgres.pool import Database
from tests.support.cluster import Node
from tests.support.counting_okta import CountingOkta, account, kept
from tests.support.deployment import TEAMS, Deployment, deployed
from tests.support.proxy import Proxy
from tests.support.waiting import until

ROUND = 20.0  # seconds of storm
CALM = 200.0  # seconds until everything must be in sync; a parked action waits up to two minutes
RATE = 15.0  # changes a second, at most
INTERVAL = "3s"  # between full passes, which find drift


@dataclass(slots=True)
class Result:
    """The printed result. The run succeeded if ``wrong`` is empty."""

    wrong: list[str] = field(default_factory=list)
    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    unconfirmed: int = 0  # saved but answered with 503, because the outcome was unknown
    slowest: float = 0.0
    longest: float = 0.0  # seconds from the end of a storm until everything was in sync
    rounds: int = 0


async def chaos(seconds: float, seed: int, folder: Path, *, calcom: bool = True) -> Result:
    """Run storms and calms for ``seconds``, then count. ``calcom`` says whether Cal.com fails too."""
    random = Random(seed)
    result = Result()
    async with _site(folder) as (site, node, proxy), aiohttp.ClientSession() as session:
        okta = CountingOkta(session, _balanced(site, random), site.token)
        storm = Storm(site, node, proxy, random, freezing=seconds > 3 * ROUND, calcom=calcom)
        await storm.start_daemons()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await _round(storm, Load(okta, random, RATE), min(ROUND, end - loop.time()))
            result.rounds += 1
            began = loop.time()
            try:
                await until(lambda: not _differences(site, okta), CALM, pause=0.05)
            except TimeoutError:
                result.wrong += _differences(site, okta)
                break
            result.longest = max(result.longest, loop.time() - began)
            _log(f"round {result.rounds}: in sync after {loop.time() - began:.1f} s, {storm.toll}")
        await _settle(site, okta, result)
        _print(result, storm)
    return result


async def _interruptible(seconds: float, seed: int, folder: Path) -> Result:
    """Run the rounds. SIGTERM ends them as Ctrl-C does, so that no started process is left."""
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await chaos(seconds, seed, folder)


async def _round(storm: Storm, load: Load, seconds: float) -> None:
    pushing = asyncio.create_task(load.run())
    try:
        await storm.run(seconds)
        load.stop()
        await pushing
    finally:
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)


@asynccontextmanager
async def _site(folder: Path) -> AsyncIterator[tuple[Deployment, Node, Proxy]]:
    node = await Node.made(folder / "pg")
    try:
        await node.start()
        await node.ask("CREATE ROLE calscim LOGIN")
        await node.ask("CREATE DATABASE calscim")
        owner = await asyncpg.connect(node.dsn("calscim"))
        await migrations.migrate(owner, "calscim")
        await owner.close()
        async with Proxy(node.socket) as proxy:
            through = f"postgresql://calscim@127.0.0.1:{proxy.port}/calscim"
            direct = node.dsn("calscim", "calscim")
            async with deployed(folder, through, direct, interval=INTERVAL) as site:
                yield site, node, proxy
    finally:
        await node.stop()


def _balanced(site: Deployment, random: Random):
    """Return a load balancer without health checks: it picks any daemon that is alive and not frozen."""

    def where() -> str | None:
        there = [one for one in site.daemons if one.alive and one.scim and not one.frozen]
        return site.base_url(random.choice(there)) if there else None

    return where


def _differences(site: Deployment, okta: CountingOkta) -> list[str]:
    """Return the differences between Cal.com and the directory. Strangers may stay on managed teams."""
    found = []
    active = {person.email for person in okta.people.values() if person.active}
    teams = site.teams()
    for number, name in enumerate(TEAMS):
        group = okta.groups.get(name)
        wanted = (group.members if group else set()) & active
        has = {email for email in teams[name] if number == 0 or not email.startswith("stranger")}
        found += [f"{email} is not on {name}" for email in sorted(wanted - has)]
        found += [f"{email} is on {name}" for email in sorted(has - wanted)]
    people = {
        email
        for email in site.world.snapshot()["people"]
        if not email.startswith(("stranger", "owner"))
    }
    found += [f"{email} is not in the organization" for email in sorted(active - people)]
    found += [f"{email} is in the organization" for email in sorted(people - active)]
    return found


async def _settle(site: Deployment, okta: CountingOkta, result: Result) -> None:
    """Compare the answers to Okta with the journal, the tables, and Cal.com, and fill the result."""
    async with await Database.open(site.direct, size=4) as db:
        async with db.connection() as connection:
            found = account(okta.attempts, await kept(connection, site.directory))
        verdict = await chain.verify(db)
    result.wrong += [f"lost: {said}" for said in found.lost]
    result.wrong += [f"twice in the journal: {said}" for said in found.duplicated]
    result.wrong += [f"the chain is broken: {broken}" for broken in verdict.broken]
    twice = _twice(site)
    result.wrong += twice
    differing = await _differs_from_answers(okta)
    result.wrong += differing
    result.acknowledged = found.acknowledged
    result.unconfirmed = len(found.untrue)
    result.lost = len(found.lost) + len(differing)
    result.duplicated = len(found.duplicated) + len(twice)
    answered = [one.seconds for one in okta.attempts if one.status is not None]
    result.slowest = max(answered, default=0.0)


def _twice(site: Deployment) -> list[str]:
    """Return accounts and memberships that exist twice in Cal.com, and deleted accounts."""
    world = site.world
    addresses = [one.email.casefold() for one in world.accounts.values()]
    edges = [(one.user_id, one.team_id) for one in world.memberships.values()]
    found = [f"two accounts: {one}" for one in {*addresses} if addresses.count(one) > 1]
    found += [f"two memberships: {edge}" for edge in {*edges} if edges.count(edge) > 1]
    if world.accounts_deleted:
        found.append(f"{world.accounts_deleted} accounts were deleted")
    return found


async def _differs_from_answers(okta: CountingOkta) -> list[str]:
    """Return users and groups that differ from the last accepted change."""
    found = []
    for person in okta.people.values():
        if not person.id:
            continue
        now = await okta.get(f"/Users/{person.id}")
        if (now.get("displayName"), now.get("active")) != (person.name, person.active):
            found.append(f"{person.email} is {now}")
    for group in okta.groups.values():
        now = await okta.get(f"/Groups/{group.id}")
        ids = {member["value"] for member in now.get("members", [])}
        if ids != {okta.people[email].id for email in group.members}:
            found.append(f"group {group.name} has {len(ids)} members")
    return found


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _print(result: Result, storm: Storm) -> None:
    for line in result.wrong[:40]:
        _log(f"WRONG {line}")
    toll = storm.toll
    rows = [
        ("changes acknowledged", result.acknowledged),
        ("lost", result.lost),
        ("duplicated", result.duplicated),
        ("503, but saved", result.unconfirmed),
        ("kills of daemons", toll.kills),
        ("kills of Postgres", toll.postgres_kills),
        ("daemons frozen", toll.freezes),
        ("outages of the database", toll.outages),
        ("faults of Cal.com", toll.calcom_faults),
        ("edits by hand", toll.drift),
        ("slowest answer", f"{result.slowest:.2f} s"),
        ("longest time to converge", f"{result.longest:.1f} s"),
    ]
    for name, value in rows:
        print(f"{name:<26}{value}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the logs when something is wrong")
    arguments = parser.parse_args()
    print(describe())
    print(f"{arguments.minutes} minutes, seed {arguments.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    result = None
    try:
        result = asyncio.run(_interruptible(arguments.minutes * 60, arguments.seed, folder))
    except asyncio.CancelledError:
        _log("interrupted")
        return 1
    finally:
        if arguments.keep and (result is None or result.wrong):
            _log(f"logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
