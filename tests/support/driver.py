"""Runs the steps of one organization on a clock that jumps, so that a test can cover hours."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry

from calscim.app.wiring import reconciler_of
from calscim.clock import SystemClock
from calscim.reconciler.calcom_client import client
from calscim.reconciler.metrics import Metrics
from calscim.reconciler.reconcile import Reconciler
from calscim.reconciler.report import Report
from calscim.reconciler.schedule import OrganizationSchedule, Timing
from calscim.reconciler.state import leases
from tests.support.stage import Stage

POLL = 2.0  # seconds between two polls of the database, as in the daemon


class Hurried(SystemClock):
    """A clock on which every sleep ends at once and advances the time."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


@dataclass
class Driver:
    """Drives the real schedule of an organization under a lease that lasts as long as the test."""

    stage: Stage
    clock: Hurried
    assignment: OrganizationSchedule
    registry: CollectorRegistry

    @classmethod
    def of(cls, stage: Stage, clock: Hurried) -> Self:
        calls = client(stage.session, stage.settings, stage.organization, clock)
        reconciler = reconciler_of(
            stage.db, stage.settings, stage.organization, calls, clock, stage.lease
        )
        registry = CollectorRegistry()
        assignment = OrganizationSchedule(
            reconciler, Timing(300.0, 0.2), clock, lambda: 0.5, Metrics(registry), lambda: False
        )
        return cls(stage, clock, assignment, registry)

    @property
    def reconciler(self) -> Reconciler:
        return self.assignment.reconciler

    async def run(self, until: Callable[["Driver", Reconciler], Awaitable[bool]]) -> None:
        """Step until ``until`` returns True; it is called before each step."""
        while not await until(self, self.reconciler):
            await self.step()
            wait = self.assignment.due().at - self.clock.seconds
            self.clock.seconds += max(0.0, min(POLL, wait))
            self.assignment.note_change()

    async def run_for(self, seconds: float) -> None:
        """Step until this many seconds have passed on the clock."""
        end = self.clock.seconds + seconds

        async def over(_: object, __: object) -> bool:
            return self.clock.seconds >= end

        await self.run(over)

    async def step(self) -> Report | None:
        await leases.renew(self.stage.db, self.stage.lease)
        return await self.assignment.step()

    def metric(self, name: str) -> float | None:
        return self.registry.get_sample_value(name, {"organization": "acme"})
