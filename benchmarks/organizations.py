"""Measure what many organizations cost one daemon, and how two daemons share them.

Each of 1, 100, and 1,000 organizations has its own simulated Cal.com, a directory, three people, and a mapped group.
The benchmark prints the time until each organization had its first pass, the daemon's processor time per minute while
nothing is pushed (including periodic passes), its memory, and its warnings. Then it starts a second daemon and kills
the first.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import orjson
from aiohttp import web

from benchmarks.machine import describe, most_resident, processor_seconds
from benchmarks.servers import answers, free_port
from calscim import admin, logs
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange
from calscim.encryption import PLAIN
from calscim.journal.append import Origin
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.postgres import embedded, migrations
from calscim.postgres.pool import Database
from calscim.scim import decode as payload
from calscim.scim.users import to_state
from calscim.testing.calcom.calcom import Simulation, World

SIZES = (1, 100, 1_000)
INTERVAL = 300  # seconds between two periodic passes, holds that each organization has one while the daemon is idle
PEOPLE = ("ann", "bob", "cem")
EDITOR = admin.Editor(by="benchmark", cipher=PLAIN)


def name_of(number: int) -> str:
    return f"org{number:04}"


# -------------------------------------------------------------------- Cal.com


def world_of(number: int) -> World:
    world = World(organization_id=number + 1, api_key=f"cal_{number}")
    world.add_person(f"owner@{name_of(number)}.example", name="Olive Owner", role="OWNER")
    world.add_team("Sales", slug="sales")
    return world


async def serve_calcom(port: int, count: int) -> None:
    """Simulate ``count`` organizations on one port, each below its own path and without a rate limit."""
    everything = web.Application(client_max_size=2**22)
    for number in range(count):
        world = world_of(number)
        everything.add_subapp(f"/{number}", Simulation(world).application())
    runner = web.AppRunner(everything, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def calcom(count: int) -> AsyncIterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.organizations", "calcom", str(port), str(count)]
    process = subprocess.Popen(command)
    try:
        await answers(port, "/")
        yield port
    finally:
        process.terminate()
        process.wait(10)


# -------------------------------------------------------------------- the directory


async def fill(db: Database, number: int) -> None:
    """Create one organization as its identity provider pushes it."""
    organization = name_of(number)
    directory = await admin.create_directory(
        db, EDITOR, organization=organization, name=f"Okta {number}", provider="okta-scim-v2"
    )
    people = []
    for person in PEOPLE:
        address = f"{person}@{organization}.example"
        body = {
            "userName": address,
            "name": {"givenName": person.capitalize(), "familyName": "Example"},
            "emails": [{"value": address, "type": "work", "primary": True}],
        }
        people.append(uuid.uuid4())
        origin = Origin(directory.id, f"push-{person}", body=orjson.dumps(body))
        await resources.create_user(db, origin, people[-1], to_state(payload.user(body)), "")
    await resources.create_group(
        db,
        Origin(directory.id, "group"),
        uuid.uuid4(),
        GroupState("Sales", None, orjson.dumps({"displayName": "Sales"}).decode()),
        MemberChange(add=frozenset(people)),
        "",
    )
    await admin.add_mapping(
        db,
        EDITOR,
        admin.draft(
            directory,
            group="Sales",
            team=admin.TeamRef(world_of(number).team_id("Sales"), "Sales"),
            role=Role.MEMBER,
            mode=Mode.MANAGED,
        ),
    )


# -------------------------------------------------------------------- daemons


_OF_CONFIGURATION = ('"configuration.dangerous"', '"scim.no_trusted_proxies"')


class Daemon:
    """One process of ``calscim serve``."""

    def __init__(self, folder: Path, name: str, dsn: str, port: int, count: int) -> None:
        self.log = folder / f"{name}.log"
        self.ops = free_port()
        config = folder / f"{name}.toml"
        config.write_text(_configuration(dsn, port, count, self.ops), encoding="utf-8")
        command = [sys.executable, "-m", "calscim", "--config", str(config), "serve"]
        with self.log.open("wb") as written:
            self.process = subprocess.Popen(command, stderr=written)

    @property
    def pid(self) -> int:
        return self.process.pid

    def warnings(self) -> list[str]:
        """Return the warnings of the log, without those about the configuration that this benchmark writes."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if not any(event in line for event in _OF_CONFIGURATION)]

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(30)


def _configuration(dsn: str, port: int, count: int, ops: int) -> str:
    parts = [
        f'[database]\ndsn = "{dsn}"\n[scim]\nlisten = "127.0.0.1:0"\n'
        f'[ops]\nlisten = "127.0.0.1:{ops}"\n[log]\nlevel = "warning"\nformat = "json"\n'
    ]
    parts += [
        f'[[organization]]\nname = "{name_of(number)}"\norganization_id = {number + 1}\n'
        f'api_key = "cal_{number}"\napi_url = "http://127.0.0.1:{port}/{number}"\n'
        for number in range(count)
    ]
    return "".join(parts)


async def until(holds: Callable[[], Awaitable[bool]], seconds: float) -> float:
    """Wait until the condition holds and return the time; raise TimeoutError after ``seconds``."""
    began = time.monotonic()
    while not await holds():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"the condition did not hold within {seconds:.0f} s")
        await asyncio.sleep(0.2)
    return time.monotonic() - began


# -------------------------------------------------------------------- what is measured


async def measure(count: int, seconds: float) -> None:
    folder = Path(tempfile.mkdtemp(prefix="calscim-organizations-"))
    folder.chmod(0o755)
    running = await embedded.start(folder / "postgres")
    owner = await asyncpg.connect(running.owner_dsn)
    try:
        await migrations.migrate(owner, embedded.SERVING_ROLE)
        async with await Database.open(running.owner_dsn) as db:
            for number in range(count):
                await fill(db, number)
        async with calcom(count) as port:
            await _one_daemon(owner, folder, running.serving_dsn, port, count, seconds)
            if count > 1:
                await _two_daemons(owner, folder, running.serving_dsn, port, count)
    finally:
        await owner.close()
        running.server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


async def _one_daemon(
    owner: asyncpg.Connection, folder: Path, dsn: str, port: int, count: int, seconds: float
) -> None:
    daemon = Daemon(folder, "first", dsn, port, count)
    try:
        await answers(daemon.ops, "/readyz")

        async def all_had_first_pass() -> bool:
            done = await owner.fetchval(
                "SELECT count(DISTINCT organization) FROM calscim.reconcile_passes WHERE scope = 'full' AND complete"
            )
            return bool(done == count)

        took = await until(all_had_first_pass, 180)
        first = processor_seconds(daemon.pid)
        await asyncio.sleep(20)  # the passes that follow the first ones end
        used, passes = processor_seconds(daemon.pid), await _passes(owner)
        await asyncio.sleep(seconds)
        used = (processor_seconds(daemon.pid) - used) * 60 / seconds
        passes = round((await _passes(owner) - passes) * 60 / seconds)
        wrong = daemon.warnings()
        print(
            f"{count:5,} organizations: all had their first pass after {took:.1f} s "
            f"({first:.1f} s of processor time; reach 60 s); idle {used:.2f} s of processor time a minute "
            f"with {passes} passes (reach 3 s), {most_resident(daemon.pid):.0f} MB at most (reach 150), "
            f"{len(wrong)} warnings"
        )
        print("".join(f"      {line[:200]}\n" for line in wrong[:3]), end="")
    finally:
        daemon.end()


async def _two_daemons(
    owner: asyncpg.Connection, folder: Path, dsn: str, port: int, count: int
) -> None:
    async def holders() -> list[int]:
        rows = await owner.fetch(
            "SELECT count(*) AS held FROM calscim.leases WHERE expires_at > clock_timestamp() "
            "GROUP BY holder ORDER BY 1"
        )
        return [row["held"] for row in rows]

    async def one_has_all() -> bool:
        return await holders() == [count]

    async def shared() -> bool:
        return await holders() == [count // 2, count - count // 2]

    daemons = [Daemon(folder, "second", dsn, port, count)]
    try:
        await until(one_has_all, 60)
        daemons.append(Daemon(folder, "third", dsn, port, count))
        await answers(daemons[1].ops, "/readyz")
        share = await until(shared, 60)
        daemons[0].kill()
        over = await until(one_has_all, 60)
        print(
            f"      two daemons: shared {share:.1f} s after the second was ready; one was killed, "
            f"and the other had all {over:.1f} s later (reach 20 s)"
        )
    finally:
        for daemon in daemons:
            daemon.end()


async def _passes(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("SELECT count(*) FROM calscim.reconcile_passes"))


def main(*, quick: bool = False) -> None:
    logs.configure("error", "json")
    print(describe())
    print("Many organizations")
    for count in SIZES[: 2 if quick else 3]:
        asyncio.run(measure(count, 20 if quick else INTERVAL))


if __name__ == "__main__":
    if sys.argv[1:2] == ["calcom"]:
        asyncio.run(serve_calcom(int(sys.argv[2]), int(sys.argv[3])))
    elif len(sys.argv) > 1 and sys.argv[1].isdecimal():
        print(describe())
        seconds = float(sys.argv[2]) if len(sys.argv) > 2 else INTERVAL
        asyncio.run(measure(int(sys.argv[1]), seconds))
    else:
        main(quick="--quick" in sys.argv)
