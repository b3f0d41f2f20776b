"""When an organization's passes run: right after a push, on request, and on the jittered interval.

Holds the lease while it works; without it, waits for it. Without a database or without Cal.com it waits and
says so, and never guesses.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import structlog

from calscim.clock import Clock
from calscim.errors import StoreError, StoreUnavailable
from calscim.reconcile.assignment import Assignment, Timing
from calscim.reconcile.backoff import Backoff
from calscim.reconcile.cycle import Cycle
from calscim.reconcile.metrics import Metrics
from calscim.store import leases
from calscim.store.leases import Lease, LeaseLost
from calscim.store.pool import Database

log = structlog.get_logger()

POLL = 2.0  # seconds; in case a notification was lost
RENEW = leases.DURATION / 3


@dataclass(slots=True)
class Reconciler:
    """One organization's loop. ``wake`` is set by whoever hears of fresh journal rows."""

    db: Database
    organization: str
    holder: str
    timing: Timing
    clock: Clock
    jitter: Callable[[], float]
    cycle: Callable[[Lease], Cycle]
    metrics: Metrics
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _backoff: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self._backoff = Backoff(self.jitter)

    async def run(self) -> None:
        """Until ``stopping`` is set; then the action under way is finished and the lease given back."""
        while not self.stopping.is_set():
            try:
                lease = await leases.take(self.db, self.organization, self.holder)
                if lease is None:
                    self.metrics.lease(self.organization, held=False)
                    await self._pause(POLL)
                    continue
                self._backoff.reset()
                await self._under(lease)
            except* LeaseLost as lost:
                log.warning(
                    "lease.lost", organization=self.organization, reason=str(lost.exceptions[0])
                )
            except* StoreUnavailable as away:
                log.warning(
                    "reconcile.waiting",
                    organization=self.organization,
                    reason=str(away.exceptions[0]),
                )
                await self._pause(self._backoff.next())

    async def _under(self, lease: Lease) -> None:
        log.info(
            "lease.taken", organization=self.organization, term=lease.term, holder=lease.holder
        )
        self.metrics.lease(self.organization, held=True)
        try:
            async with asyncio.TaskGroup() as group:
                keeper = group.create_task(self._keep(lease))
                await self._work(self.cycle(lease))
                keeper.cancel()
        finally:
            self.metrics.lease(self.organization, held=False)
            self.metrics.pending(self.organization, None)
            await asyncio.shield(self._give_back(lease))
            log.info("lease.released", organization=self.organization, term=lease.term)

    async def _give_back(self, lease: Lease) -> None:
        """Without a database it runs out by itself."""
        with suppress(StoreError, asyncpg.InterfaceError):
            await leases.release(self.db, lease)

    async def _keep(self, lease: Lease) -> None:
        """Renew the lease; a database that is away for a moment is not the end of it."""
        renewed = self.clock.monotonic()
        while True:
            await self.clock.sleep(RENEW)
            try:
                await leases.renew(self.db, lease)
                renewed = self.clock.monotonic()
            except StoreUnavailable:
                if self.clock.monotonic() - renewed > leases.DURATION:
                    raise

    async def _work(self, cycle: Cycle) -> None:
        assignment = Assignment(
            cycle,
            self.timing,
            self.clock,
            self.jitter,
            self.metrics,
            self.stopping.is_set,
            self.wake.is_set,
        )
        while not self.stopping.is_set():
            await assignment.step()
            wait = assignment.due().at - self.clock.monotonic()
            if wait > 0 and await self._woken(min(POLL, wait)):
                await self._pause(self.timing.debounce)
            self.wake.clear()
            assignment.hear()

    async def _woken(self, seconds: float) -> bool:
        """Wait for news, or for the end, at most that long; True when there may be news."""
        sleeping = asyncio.ensure_future(self.clock.sleep(seconds))
        waking = asyncio.ensure_future(self.wake.wait())
        stopping = asyncio.ensure_future(self.stopping.wait())
        tasks = (sleeping, waking, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        return self.wake.is_set()

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the end comes first."""
        sleeping = asyncio.ensure_future(self.clock.sleep(seconds))
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait((sleeping, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()
