"""Inject failures: killed and frozen processes, network failures, failures of Cal.com, and edits by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from calscim.testing.calcom.calcom import Fault
from tests.support.cluster import Node
from tests.support.deployment import TEAMS, Daemon, Deployment
from tests.support.proxy import Proxy

DAEMONS = 2
FROZEN = 18.0  # seconds: longer than a lease lasts


@dataclass(slots=True)
class Toll:
    """The number of injected failures of each kind."""

    kills: int = 0
    postgres_kills: int = 0
    freezes: int = 0
    outages: int = 0
    calcom_faults: int = 0
    drift: int = 0


@dataclass(slots=True)
class Storm:
    """Injects one failure after another for a given time, then repairs everything."""

    stage: Deployment
    node: Node
    proxy: Proxy
    random: Random
    freezing: bool  # whether the run is long enough to freeze daemons
    calcom: bool  # whether Cal.com fails too; an action that it refuses then waits for a minute
    toll: Toll = field(default_factory=Toll)
    strangers: int = 0

    async def run(self, seconds: float) -> None:
        """Inject failures for ``seconds``, then repair everything."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.random.choice(self._faults())()
                    await asyncio.sleep(self.random.uniform(0.1, 0.8))
        except TimeoutError:
            pass
        finally:
            await self.repair()

    def _faults(self) -> list[Callable[[], Awaitable[None]]]:
        faults = [
            self.kill_a_daemon,
            self.kill_a_daemon,
            self.kill_postgres,
            self.refuse,
            self.half_open,
            self.half_open_silently,
            self.reset,
            self.lose_an_answer,
            self.slow,
            self.edit_by_hand,
            self.edit_by_hand,
        ]
        faults += [self.calcom_fails, self.calcom_fails] if self.calcom else []
        return [*faults, self.freeze_a_daemon] if self.freezing else faults

    async def repair(self) -> None:
        """Remove all failures and restart what was killed."""
        self.stage.simulation.faults.clear()
        await self.proxy.heal()
        await self.node.ensure()
        for daemon in self._living():
            daemon.thaw()
        await self.start_daemons()

    async def start_daemons(self) -> None:
        """Start daemons until there are DAEMONS."""
        for _ in range(DAEMONS - len(self._living())):
            daemon = await self.stage.begin()
            await daemon.ready()

    def _living(self) -> list[Daemon]:
        return [daemon for daemon in self.stage.daemons if daemon.alive]

    # ------------------------------------------------------------ processes

    async def kill_a_daemon(self) -> None:
        living = [daemon for daemon in self._living() if not daemon.frozen]
        if living:
            await self.random.choice(living).kill()
            self.toll.kills += 1
        await asyncio.sleep(self.random.uniform(0, 1.0))
        await self.start_daemons()

    async def freeze_a_daemon(self) -> None:
        """Freeze a daemon for longer than a lease lasts; other failures continue."""
        living = [daemon for daemon in self._living() if daemon.scim]
        if len(living) < DAEMONS or any(daemon.frozen for daemon in living):
            return
        daemon = self.random.choice(living)
        daemon.freeze()
        self.toll.freezes += 1
        asyncio.get_running_loop().call_later(FROZEN, daemon.thaw)

    async def kill_postgres(self) -> None:
        self.node.kill()
        self.toll.postgres_kills += 1
        await asyncio.sleep(self.random.uniform(0, 2.0))
        await self.node.ensure()

    # ------------------------------------------------------------ the network

    async def refuse(self) -> None:
        await self.proxy.refuse()
        await self._outage()

    async def half_open(self) -> None:
        self.proxy.swallow()
        await self._outage()

    async def half_open_silently(self) -> None:
        self.proxy.swallow_present()
        self.toll.outages += 1

    async def reset(self) -> None:
        self.proxy.drop()
        self.toll.outages += 1

    async def lose_an_answer(self) -> None:
        """Let Postgres execute the statement of a push, but lose its answer."""
        sprung = self.proxy.cut_after(b"mark-", silent=self.random.random() < 0.3)
        self.toll.outages += 1
        try:
            await asyncio.wait_for(sprung.wait(), 3)
        except TimeoutError:
            await self.proxy.heal()

    async def slow(self) -> None:
        self.proxy.delay = self.random.uniform(0.05, 0.4)
        await self._outage()

    async def _outage(self) -> None:
        self.toll.outages += 1
        await asyncio.sleep(self.random.uniform(0.3, 3.0))
        await self.proxy.heal()

    # ------------------------------------------------------------ Cal.com

    async def calcom_fails(self) -> None:
        kind = self.random.choice(["status", "status-after", "drop", "drop-after", "malformed"])
        self.stage.simulation.faults.append(
            Fault(
                method=self.random.choice(["", "GET", "POST", "PATCH", "DELETE"]),
                kind=kind,
                times=self.random.randint(1, 8),
                status=self.random.choice([500, 502, 503]),
            )
        )
        self.toll.calcom_faults += 1

    async def edit_by_hand(self) -> None:
        world = self.stage.world
        team = self.random.choice(TEAMS)
        members = sorted(world.snapshot()["teams"][team])
        self.toll.drift += 1
        if members and self.random.random() < 0.6:
            world.take_off_team(team, self.random.choice(members))
            return
        self.strangers += 1
        address = f"stranger{self.strangers}@acme.example"
        world.add_person(address, name="Stranger")
        world.put_on_team(team, address)
