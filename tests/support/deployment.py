"""Runs daemons as real processes, which a test can kill and freeze, with a simulated Cal.com in the test process."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from calscim import admin
from calscim.encryption import PLAIN
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.postgres.pool import Database
from calscim.testing.calcom import calcom
from tests.support.waiting import until

INHERITED = ("PATH", "HOME", "PYTHONPATH")
KEY = "cal_faults"
ORGANIZATION = "acme"
EDITOR = admin.Editor(by="adversity", cipher=PLAIN)
TEAMS = ("Sales", "Engineering", "Support")


@dataclass(slots=True)
class Daemon:
    """One process of ``calscim serve``; ``log`` contains its log as JSON lines."""

    log: Path
    process: asyncio.subprocess.Process
    scim: str = ""
    ops: str = ""
    frozen: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    def lines(self) -> list[dict[str, Any]]:
        """Return the log lines, in order."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log lines of one event, in order."""
        return [line for line in self.lines() if line.get("event") == name]

    async def ready(self) -> None:
        """Wait until both listeners answer."""

        def announced() -> bool:
            if not self.alive:
                raise RuntimeError(f"the daemon ended: {self.log.read_text(encoding='utf-8')}")
            return bool(self.events("service.ready"))

        await until(announced, 60)
        said = self.events("service.ready")[-1]
        self.scim, self.ops = f"http://{said['scim']}", f"http://{said['ops']}"

    async def kill(self) -> None:
        """Kill the process with SIGKILL."""
        if self.alive:
            self.process.kill()
        await self.process.wait()

    async def terminate(self, seconds: float = 15) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), seconds)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        if self.frozen and self.alive:
            os.kill(self.pid, signal.SIGCONT)
        self.frozen = False


@dataclass(slots=True)
class Deployment:
    """An organization with a mapped directory. Daemons connect to ``dsn``; ``direct`` bypasses a proxy."""

    folder: Path
    dsn: str
    direct: str
    world: calcom.World
    simulation: calcom.Simulation
    calcom: str
    interval: str = "60s"
    embedded: Path | None = None  # set: the daemons have a bundled Postgres and no dsn
    listen_dsn: str = ""
    migration_dsn: str = ""
    notify_socket: str = ""  # set: the daemons have a service manager
    source: str = ""  # the PYTHONPATH of a daemon of another release
    variables: dict[str, str] = field(
        default_factory=dict
    )  # of the started processes, besides the inherited ones
    directory: str = ""
    token: str = ""
    daemons: list[Daemon] = field(default_factory=list)
    _number: int = 0

    @property
    def configuration(self) -> Path:
        return self.folder / "calscim.toml"

    def configure(self) -> None:
        """Write the configuration, with limits that never hold anything back."""
        database = (
            f'dsn = "{self.dsn}"' if self.embedded is None else f'embedded = "{self.embedded}"'
        )
        for key in ("listen_dsn", "migration_dsn"):
            if value := getattr(self, key):
                database += f'\n{key} = "{value}"'
        self.configuration.write_text(
            f"""
            [database]
            {database}
            [scim]
            listen = "127.0.0.1:0"
            [ops]
            listen = "127.0.0.1:0"
            [[organization]]
            name = "{ORGANIZATION}"
            organization_id = {self.world.organization_id}
            api_url = "{self.calcom}"
            api_key = "{KEY}"
            requests_per_minute = 100000
            [reconcile]
            interval = "{self.interval}"
            debounce = "50ms"
            request_timeout = "2s"
            [guards]
            max_removals_per_team = "100%"
            max_removals_per_organization = "100%"
            max_deprovisions = "100%"
            drift_removals = "100%"
            [log]
            format = "json"
            """,
            encoding="utf-8",
        )

    async def prepare(self) -> None:
        """Create a directory with a token, and a mapping for each team: the first exclusive, the others managed."""
        async with await Database.open(self.direct, size=1) as db:
            directory = await admin.create_directory(
                db, EDITOR, organization=ORGANIZATION, name="Okta", provider="okta-scim-v2"
            )
            _, self.token = await admin.create_token(db, EDITOR, directory, name="faults")
            self.directory = directory.id
            for number, name in enumerate(TEAMS):
                await admin.add_mapping(
                    db,
                    EDITOR,
                    admin.draft(
                        directory,
                        group=name,
                        team=admin.TeamRef(self.world.team_id(name), name),
                        role=Role.MEMBER,
                        mode=Mode.MANAGED if number else Mode.EXCLUSIVE,
                    ),
                )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the started processes."""
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        manager = {"NOTIFY_SOCKET": self.notify_socket} if self.notify_socket else {}
        source = {"PYTHONPATH": self.source} if self.source else {}
        return inherited | manager | source | self.variables

    async def calscim(self, *arguments: str) -> str:
        """Run a command and return its output. Raise RuntimeError with its error output if the command fails."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "calscim", *arguments, "--config", str(self.configuration),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env=self.environment, cwd=self.folder,
        )  # fmt: skip
        out, said = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"calscim {' '.join(arguments)}: {said.decode()}")
        return out.decode()

    async def begin(self) -> Daemon:
        """Start another daemon without waiting for it."""
        self._number += 1
        log = self.folder / f"daemon-{self._number}.log"
        with log.open("wb") as written:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "calscim", "serve", "--config", str(self.configuration),
                stdin=asyncio.subprocess.DEVNULL, stdout=written, stderr=written, env=self.environment,
                cwd=self.folder, start_new_session=True,  # Ctrl-C must not reach the daemon
            )  # fmt: skip
        daemon = Daemon(log, process)
        self.daemons.append(daemon)
        return daemon

    async def start(self) -> Daemon:
        """Start another daemon and wait until it answers."""
        daemon = await self.begin()
        await daemon.ready()
        return daemon

    def base_url(self, daemon: Daemon) -> str:
        return f"{daemon.scim}/scim/v2/{self.directory}"

    def teams(self) -> dict[str, set[str]]:
        """Return the addresses of the members of each team in Cal.com."""
        return {name: set(members) for name, members in self.world.snapshot()["teams"].items()}

    async def close(self) -> None:
        """Kill all daemons."""
        for daemon in self.daemons:
            with suppress(ProcessLookupError):
                await daemon.kill()


@asynccontextmanager
async def deployed(
    folder: Path,
    dsn: str,
    direct: str,
    *,
    interval: str = "60s",
    embedded: Path | None = None,
    prepared: bool = False,
    memory: Path | None = None,
) -> AsyncIterator[Deployment]:
    """Yield a deployment. ``dsn`` and ``direct`` lead to a migrated, empty database; ``direct`` bypasses proxies.

    With ``embedded`` the caller prepares the directory once a daemon runs. ``prepared``: the caller creates the
    directory. ``memory``: a file with the saved state of Cal.com.
    """
    if memory is not None:
        world = calcom.World.remembered(memory, api_key=KEY)
    else:
        world = calcom.World(api_key=KEY)
        world.add_person("owner@acme.example", name="Olive Owner", role="OWNER")
        for name in TEAMS:
            world.add_team(name)
    simulation = calcom.Simulation(world)
    async with calcom.serve(world, simulation=simulation) as url:
        made = Deployment(folder, dsn, direct, world, simulation, url, interval, embedded)
        made.configure()
        try:
            if embedded is None and not prepared:
                await made.prepare()
            yield made
        finally:
            await made.close()


async def answers(session: aiohttp.ClientSession, url: str) -> int:
    """Return the status of a GET, or 0 if there is no answer."""
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(5)) as response:
            return response.status
    except (aiohttp.ClientError, TimeoutError):
        return 0
