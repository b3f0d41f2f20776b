"""Starts the passes of all organizations of this process. Each process has one controller.

The controller takes and renews the leases of all organizations in one statement each, looks for news of all of them
with one query every two seconds, and starts a step of an ``OrganizationSchedule`` when it is due. ``PassSlots`` limits
how many passes work at once. ``Reconciler`` decides what a pass does. Without a database the controller waits, and logs
that once.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import structlog

from calscim.clock import Clock
from calscim.errors import StoreError, StoreUnavailable
from calscim.postgres.pool import Database
from calscim.reconciler.backoff import Backoff, Notice
from calscim.reconciler.lease_sharing import LeaseSharing
from calscim.reconciler.metrics import Metrics
from calscim.reconciler.pass_slots import PassSlot, PassSlots
from calscim.reconciler.reconcile import Reconciler
from calscim.reconciler.schedule import OrganizationSchedule, Timing
from calscim.reconciler.state import leases, passes
from calscim.reconciler.state.leases import Lease, LeaseLost

log = structlog.get_logger()

POLL = 2.0  # seconds; in case a notification was lost, and for leases that become free
RENEW = leases.DURATION / 3
PASSES = 8  # that work at once
MANY = 20  # organizations, from which on the log has one line for all of them

MakeReconciler = Callable[[Lease, PassSlot], Reconciler]


@dataclass(slots=True, eq=False)
class HeldLease:
    """An organization whose lease this daemon holds."""

    lease: Lease
    assignment: OrganizationSchedule
    slot: PassSlot
    task: asyncio.Task[None] | None = None  # the organization's step, running or waiting for a slot

    @property
    def is_working(self) -> bool:
        """Return True if a step has begun. A step that still waits for its first slot can be canceled."""
        return self.task is not None and self.slot.has_begun


@dataclass(slots=True)
class Failing:
    """An organization whose passes failed on the database: this daemon does not take it before ``until``."""

    backoff: Backoff
    until: float = 0.0


@dataclass(slots=True)
class Controller:
    """Takes leases and starts the steps of the configured ``organizations`` until ``stopping`` is set.

    ``pass_ended`` is called after each step that did not fail on the database.
    """

    db: Database
    holder: str
    organizations: Mapping[str, MakeReconciler]
    timing: Timing
    clock: Clock
    jitter: Callable[[], float]
    metrics: Metrics
    pass_ended: Callable[[], None] = lambda: None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    slots: PassSlots = field(init=False)
    sharing: LeaseSharing = field(init=False)
    _held: dict[str, HeldLease] = field(default_factory=dict)
    _due: list[tuple[float, int, HeldLease]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _renewed: float = 0.0
    _backoff: Backoff = field(init=False)
    _waiting: Notice = field(default_factory=Notice)
    _failing: dict[str, Failing] = field(default_factory=dict)  # passes that the database ended

    def __post_init__(self) -> None:
        self.slots = PassSlots(PASSES, self.clock)
        self.sharing = LeaseSharing(self.db, self.holder, frozenset(self.organizations))
        self._backoff = Backoff(self.jitter)

    async def run(self) -> None:
        """Run until ``stopping`` is set; then finish the actions under way and release the leases."""
        for name in self.organizations:
            self.metrics.lease(name, held=False)
        if not self.organizations:
            await self.stopping.wait()
            return
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self._keep_leases(), name="leases"),
                    group.create_task(self._poll(), name="polling"),
                    group.create_task(self._start_steps(group), name="steps"),
                ]
                await self.stopping.wait()
                for task in background[1:]:
                    task.cancel()
                await self._finish()
                background[0].cancel()
        finally:
            await asyncio.shield(self._leave())

    def wake(self, organization: str) -> None:
        """Note that the journal announced a row of this organization."""
        if (held := self._held.get(organization)) is not None:
            self._note_change(held)

    # -------------------------------------------------------------- leases

    async def _keep_leases(self) -> None:
        renew_at = 0.0
        while True:
            try:
                if self.clock.monotonic() >= renew_at:
                    await self._renew_leases()
                    renew_at = self.clock.monotonic() + RENEW
                if not self.stopping.is_set():
                    await self._take_leases()
                self._note_database_reachable()
            except StoreUnavailable as error:
                self._note_database_unreachable(error)
                if self._held and self.clock.monotonic() - self._renewed > leases.DURATION:
                    self._drop_all("no lease could be renewed in time")
                await self.clock.sleep(min(POLL, self._backoff.next()))
                continue
            await self.clock.sleep(POLL)

    async def _renew_leases(self) -> None:
        """Renew the leases and this daemon's row, and release leases that exceed this daemon's share."""
        before = list(self._held.values())
        began = self.clock.monotonic()
        kept = await leases.renew_all(self.db, [one.lease for one in before], self.holder)
        self._renewed = began
        lost = [one for one in before if one.lease not in kept and self._is_current(one)]
        self._drop(lost)
        _log_lost(lost, "it ran out")
        if self.stopping.is_set():
            return
        idle = [name for name, one in self._held.items() if not one.is_working]
        await self._release_idle(await self.sharing.surplus(len(self._held), idle))

    async def _take_leases(self) -> None:
        """Take free organizations up to this daemon's share."""
        now = self.clock.monotonic()
        early = {name for name, one in self._failing.items() if one.until > now}
        missing = self.organizations.keys() - self._held.keys() - early
        if not missing:
            return
        free = await leases.list_free(self.db, missing, self.holder)
        wanted = await self.sharing.choose(free, len(self._held), self.clock.monotonic())
        if not wanted:
            return
        began = self.clock.monotonic()
        taken = await leases.take_all(self.db, wanted, self.holder)
        if not self._held:
            self._renewed = began
        for lease in taken:
            self._begin(lease)
        self._backoff.reset()
        for line in _lease_lines(taken):
            log.info("lease.taken", **line)

    def _begin(self, lease: Lease) -> None:
        name = lease.organization
        slot = PassSlot(self.slots)
        assignment = OrganizationSchedule(
            self.organizations[name](lease, slot),
            self.timing,
            self.clock,
            self.jitter,
            self.metrics,
            self.stopping.is_set,
            lambda: self.slots.is_crowded,
        )
        held = self._held[name] = HeldLease(lease, assignment, slot)
        self.metrics.lease(name, held=True)
        self._schedule(held)

    async def _release_idle(self, names: Collection[str]) -> None:
        """Release these leases, except where a step has begun meanwhile."""
        given = [one for name in names if (one := self._held.get(name)) and not one.is_working]
        if not given:
            return
        self._drop(given)
        await leases.release_all(self.db, [one.lease for one in given], self.holder)
        for line in _lease_lines([one.lease for one in given]):
            log.info("lease.released", **line, reason="another daemon has less")

    def _is_current(self, held: HeldLease) -> bool:
        return self._held.get(held.lease.organization) is held

    def _drop(self, dropped: Collection[HeldLease]) -> None:
        """Drop organizations whose leases this daemon lost, and cancel their steps."""
        for held in dropped:
            if not self._is_current(held):
                continue
            del self._held[held.lease.organization]
            self.metrics.lease(held.lease.organization, held=False)
            self.metrics.pending(held.lease.organization, None)
            if held.task is not None and held.task is not asyncio.current_task():
                held.task.cancel()

    def _drop_all(self, reason: str) -> None:
        held = list(self._held.values())
        self._drop(held)
        _log_lost(held, reason)

    # -------------------------------------------------------------- news

    async def _poll(self) -> None:
        """Look for new rows of all idle organizations with one query."""
        while True:
            await self.clock.sleep(POLL)
            idle = [name for name, one in self._held.items() if not one.is_working]
            if not idle:
                continue
            try:
                found = await passes.list_due(self.db, idle)
            except StoreUnavailable as error:
                self._note_database_unreachable(error)
                continue
            for name in found:
                if (held := self._held.get(name)) is not None and not held.is_working:
                    self._note_change(held)

    def _note_change(self, held: HeldLease) -> None:
        held.assignment.note_change()
        if held.task is None:
            self._schedule(held)
        elif held.slot.turn is not None:
            held.slot.be_due(self.clock.monotonic(), is_urgent=True)

    # -------------------------------------------------------------- steps

    def _schedule(self, held: HeldLease) -> None:
        heapq.heappush(self._due, (held.assignment.due().at, next(self._numbers), held))
        if self._due[0][2] is held:
            self._changed.set()

    async def _start_steps(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._changed.clear()
            now = self.clock.monotonic()
            while self._due and self._due[0][0] <= now:
                _, _, held = heapq.heappop(self._due)
                if held.task is not None or not self._is_current(held):
                    continue
                due = held.assignment.due()
                if due.at > now:
                    self._schedule(held)
                    continue
                held.slot.be_due(due.at, is_urgent=due.is_urgent)
                name = f"reconcile {held.lease.organization}"
                held.task = group.create_task(self._step(held), name=name)
            await self._wait(self._due[0][0] - now if self._due else None)

    async def _wait(self, seconds: float | None) -> None:
        """Wait for ``seconds``, or until a step is due sooner."""
        if seconds is None:
            await self._changed.wait()
            return
        sleeping = asyncio.ensure_future(self.clock.sleep(seconds))
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((sleeping, changed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            changed.cancel()

    async def _step(self, held: HeldLease) -> None:
        organization = held.lease.organization
        try:
            async with held.slot:
                await held.assignment.step()
        except LeaseLost as lost:
            self._drop([held])
            _log_lost([held], str(lost))
        except StoreUnavailable as error:
            # An attempt under way has no outcome: the next term closes it and starts with a full pass.
            self._drop([held])
            self._note_database_unreachable(error)
            failing = self._failing.setdefault(organization, Failing(Backoff(self.jitter)))
            failing.until = self.clock.monotonic() + failing.backoff.next()
            await self._release([held])
        else:
            self._failing.pop(organization, None)
            self.pass_ended()
        finally:
            held.task = None
        if self._is_current(held) and not self.stopping.is_set():
            self._schedule(held)

    # -------------------------------------------------------------- the database, and the end

    def _note_database_unreachable(self, error: StoreUnavailable) -> None:
        if self._waiting.is_news(type(error.__cause__).__name__, self.clock.monotonic()):
            log.warning(
                "reconcile.waiting", reason=str(error), organizations=len(self.organizations)
            )

    def _note_database_reachable(self) -> None:
        self._backoff.reset()
        self._waiting.end()

    async def _finish(self) -> None:
        """Release idle organizations at once, and each other one when its step ends."""
        everything = list(self._held.values())
        idle = [one for one in everything if not one.is_working]
        self._drop(idle)
        await self._release(idle)
        for held in everything:
            if self._is_current(held) and (task := held.task) is not None:
                await asyncio.wait({task})
            if self._is_current(held):
                self._drop([held])
                await self._release([held])

    async def _leave(self) -> None:
        """Release the leases. Without a database they expire by themselves."""
        held = list(self._held.values())
        self._drop(held)
        await self._release(held)
        with suppress(StoreError, asyncpg.InterfaceError):
            await self.sharing.leave()

    async def _release(self, held: Collection[HeldLease]) -> None:
        if not held:
            return
        with suppress(StoreError, asyncpg.InterfaceError):
            await leases.release_all(self.db, [one.lease for one in held], self.holder)
            for line in _lease_lines([one.lease for one in held]):
                log.info("lease.released", **line)


def _log_lost(lost: Collection[HeldLease], reason: str) -> None:
    for line in _lease_lines([one.lease for one in lost]):
        log.warning("lease.lost", **line, reason=reason)


def _lease_lines(leases: Collection[Lease]) -> list[dict[str, str | int]]:
    """Return the fields of one line per lease, or of one line for all if there are many."""
    if len(leases) >= MANY:
        return [{"organizations": len(leases)}]
    return [{"organization": one.organization, "term": one.term} for one in leases]
