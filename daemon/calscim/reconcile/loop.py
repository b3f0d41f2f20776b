"""When an organization's passes run: right after a push, on request, and on the jittered interval.

Holds the lease while it works; without it, waits for it. Without a database or without Cal.com it waits and
says so, and never guesses.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import structlog

from calscim.clock import Clock
from calscim.core.model import TeamId, UserId
from calscim.errors import RemoteError, StoreError, StoreUnavailable
from calscim.reconcile.cycle import Cycle
from calscim.reconcile.metrics import Metrics
from calscim.reconcile.report import Report
from calscim.reconcile.sweep import Sweep
from calscim.reconcile.touched import Touched, touched
from calscim.store import actions, admin, leases, parked, passes
from calscim.store.leases import Lease, LeaseLost
from calscim.store.parked import Key, Parked
from calscim.store.pool import Database

log = structlog.get_logger()

POLL = 2.0  # seconds; in case a notification was lost
RENEW = leases.DURATION / 3
INTERRUPT_AFTER = 5.0  # seconds a pass may go on after fresh news
PATIENCE = (1.0, 30.0)  # seconds to wait after a failure, growing


@dataclass(slots=True)
class Timing:
    interval: float
    debounce: float


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
    _next_full: float = 0.0
    _latest: float = 0.0  # the full pass waits no longer for reads that are spread
    _began: float = 0.0  # since when teams were read for the last full pass
    _failures: int = 0
    _news_at: float | None = None
    _backlog: bool = False  # a pass made room before its end
    _seen: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Until ``stopping`` is set; then the action under way is finished and the lease given back."""
        while not self.stopping.is_set():
            try:
                lease = await leases.take(self.db, self.organization, self.holder)
                if lease is None:
                    self.metrics.lease(self.organization, held=False)
                    await self._pause(POLL)
                    continue
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
                await self._pause(self._patience())

    async def _under(self, lease: Lease) -> None:
        log.info(
            "lease.taken", organization=self.organization, term=lease.term, holder=lease.holder
        )
        self.metrics.lease(self.organization, held=True)
        try:
            async with asyncio.TaskGroup() as group:
                keeper = group.create_task(self._keep(lease))
                await self._work(self.cycle(lease), lease)
                keeper.cancel()
        finally:
            self.metrics.lease(self.organization, held=False)
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

    async def _look_around(self, cycle: Cycle) -> None:
        """Before anything else is done under a lease: whether the database is a restored one, of an older state."""
        if await admin.moved(self.db, self.organization) and await cycle.differs():
            editor = admin.Editor(by=self.holder, cipher=self.db.cipher)
            paused = await admin.pause_restored(self.db, editor, self.organization)
            log.warning(
                "database.restored",
                organization=self.organization,
                paused=paused,
                then=[f"calscim directory resume {name!r}" for name in paused],
            )
        await admin.at_home(self.db, self.organization)

    async def _work(self, cycle: Cycle, lease: Lease) -> None:
        if left := await actions.abandon(self.db, lease):
            log.warning("reconcile.resumed", organization=self.organization, unknown=left)
        self._next_full = self._latest = self.clock.monotonic()
        looked = False
        while not self.stopping.is_set():
            try:
                if not looked:
                    await self._look_around(cycle)
                    looked = True
                report = await self._next(cycle)
                if report is not None:
                    self._after(report, cycle.sweep)
                await self._sweep(cycle)
            except RemoteError as error:
                await self._away(error)

    async def _next(self, cycle: Cycle) -> Report | None:
        """Wait for a reason, then run the pass it asks for; None when there was nothing to do."""
        wait = min(POLL, self._until_full(cycle.sweep))
        if cycle.sweep.going:
            wait = min(wait, cycle.sweep.wait())
        if wait > 0 and not self._backlog and await self._woken(wait):
            await self._pause(self.timing.debounce)
        self.wake.clear()
        self._news_at = None
        if self.stopping.is_set():
            return None
        if await passes.is_asked(self.db, self.organization):
            requests = await passes.asked(self.db, self.organization)
            cycle.sweep.end()
            self._began = self.clock.monotonic()
            return await cycle.full(self._interrupted, requests)
        if self._until_full(cycle.sweep) <= 0:
            since = cycle.sweep.began
            self._began = self.clock.monotonic() if since is None else since
            return await cycle.full(self._interrupted, since=since)
        if cycle.view.me is None:  # Cal.com was never reached: the next full pass sees all of it
            return None
        heads = await passes.heads(self.db, self.organization)
        news = await passes.news(self.db, self.organization)
        found = touched(news)
        found.everyone = found.everyone or self._backlog
        found.look = not self._backlog
        self._retry(found, await parked.parked(self.db, self.organization))
        if not found:
            await self._skip(heads)
            return None
        if news:
            self.metrics.oldest_pending(self.organization, news[0].at, self.clock.now())
        return await cycle.touched(found, heads, self._interrupted)

    def _until_full(self, sweep: Sweep) -> float:
        """Seconds. A pass whose reads are spread waits for the last of them, but not for ever."""
        due = self._latest if sweep.going else self._next_full
        return max(0.0, due + self._postponed() - self.clock.monotonic())

    async def _sweep(self, cycle: Cycle) -> None:
        """Read one team ahead of the full pass that comes, where that takes many reads."""
        sweep = cycle.sweep
        if self._backlog or self.stopping.is_set() or cycle.view.me is None:
            return
        ahead = self._next_full - self.timing.interval / 2
        if sweep.began is None and self.clock.monotonic() >= ahead and sweep.is_worth_it():
            sweep.begin()
        await sweep.step(self._next_full)

    def _postponed(self) -> float:
        """With a backlog, calls are for writes: a look at everything comes five intervals later."""
        return 5 * self.timing.interval if self._backlog else 0.0

    @staticmethod
    def _retry(found: Touched, stuck: Mapping[Key, Parked]) -> None:
        """What was parked and is due is looked at again."""
        for key, entry in stuck.items():
            if entry.due_in > 0:
                continue
            if key.subject.isdecimal():  # an account no user of the directory is behind
                found.everyone = True
            else:
                found.users.add(UserId(key.subject))
            if key.team_id:
                found.teams.add(TeamId(key.team_id))

    def _after(self, report: Report, sweep: Sweep) -> None:
        """Decide when the next full pass is due, and tell the metrics."""
        now = self.clock.monotonic()
        full = report.scope == "full"
        self._backlog = report.interrupted
        if full:
            sweep.end()
        if report.away is not None or (full and report.again):
            self._next_full = self._latest = now + self._patience()
            if full and now - self._began < self.timing.interval:
                sweep.began = self._began  # what could be read is not read again
        else:
            self._failures = 0
            if full:
                self._next_full = now + self.timing.interval * (0.9 + 0.2 * self.jitter())
                self._latest = self._next_full + self.timing.interval
        if report.window_left is not None:  # what was left alone is done as soon as the window ends
            self._next_full = min(self._next_full, now + report.window_left)
            self._latest = min(self._latest, self._next_full)
        self.metrics.passed(self.organization, report, self.clock.now())

    async def _away(self, error: RemoteError) -> None:
        """The key is not taken, or Cal.com does not even answer who it belongs to."""
        log.error(
            "reconcile.away",
            organization=self.organization,
            reason=str(error),
            kind=error.kind.value,
        )
        pass_id = await passes.begin(self.db, self.organization, "full")
        requests = await passes.asked(self.db, self.organization)
        report = {
            "away": str(error),
            "incomplete": [str(error)],
            "waiting": [],
            "pending": 0,
            "held": 0,
        }
        await passes.finish(self.db, pass_id, complete=False, in_step=False, report=report)
        await passes.answer(self.db, requests, pass_id, str(error))
        self._next_full = self._latest = self.clock.monotonic() + self._patience()

    async def _skip(self, heads: dict[str, int]) -> None:
        if heads != self._seen:
            await passes.advance(self.db, self.organization, heads)
            self._seen = heads

    def _interrupted(self) -> bool:
        """Whether a pass should make room: on stopping at once, for fresh news after a while."""
        if self.stopping.is_set():
            return True
        if not self.wake.is_set():
            return False
        now = self.clock.monotonic()
        self._news_at = self._news_at or now
        return now - self._news_at >= INTERRUPT_AFTER

    def _patience(self) -> float:
        self._failures += 1
        first, most = PATIENCE
        return float(
            min(most, first * 2 ** min(self._failures - 1, 10)) * (0.75 + 0.5 * self.jitter())
        )

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
