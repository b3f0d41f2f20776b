"""Ask the running daemon for a full pass, and wait for its result.

While the caller waits, it is told why: no daemon holds the lease, a pass is running, or Cal.com's rate limit is used
up. No daemon for TAKEN_WITHIN seconds is an error; a daemon that holds the lease is waited for without a limit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from calscim.admin import plan_views
from calscim.admin.plan_views import LimitView, WaitView
from calscim.admin.status_view import Progress
from calscim.clock import SystemClock
from calscim.errors import StoreError
from calscim.exit_codes import ExitCode
from calscim.planner.render import held_json
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler.state import organization_status, passes

TAKEN_WITHIN = 20.0  # seconds without a lease: another daemon may have to take it first
LOOK = 0.1
TELL_EVERY = 5.0
_SUCCEEDED = ("done", "already", "gone")


@dataclass(frozen=True, slots=True)
class SyncDelay:
    """Why the pass is not finished yet. ``holder``: the daemon with the lease; None: no daemon has it."""

    holder: str | None
    rate_limited_until: datetime | None
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What the requested pass did.

    ``actions``: how often each kind of action had each outcome. ``seconds_left``: how long the pending ones will take.
    """

    organization: str
    complete: bool
    incomplete: tuple[str, ...]
    actions: Mapping[str, int]
    pending: int
    held: int
    held_counts: Mapping[str, int]
    deferred: int
    waiting: tuple[WaitView, ...]
    waiting_total: int
    limits: tuple[LimitView, ...]
    unreachable: str | None
    interrupted: bool
    hash: str | None
    seconds_left: int

    @property
    def succeeded(self) -> int:
        """Return how many actions were carried out or were already true."""
        return sum(
            count
            for outcome, count in self.actions.items()
            if outcome.rpartition(" ")[2] in _SUCCEEDED
        )

    @property
    def exit_code(self) -> int:
        """Return the exit code of `calscim plan`, after the pass."""
        if not self.complete:
            return ExitCode.FAILED
        if self.held:
            return ExitCode.HELD
        return ExitCode.PENDING if self.pending or self.deferred else ExitCode.IN_SYNC


Told: TypeAlias = Callable[[SyncDelay], None]


async def sync(db: Database, organization: str, told: Told | None = None) -> SyncResult:
    """Return the result of the requested pass. StoreError if no daemon takes the request.

    ``told`` is called every few seconds with what the pass waits for.
    """
    clock = SystemClock()
    request = await passes.request_sync(db, organization)
    alive = said = clock.monotonic()
    while True:
        answer = await passes.load_answer(db, request)
        if answer.complete is not None:
            return _result(organization, answer)
        now = clock.monotonic()
        if now - said >= TELL_EVERY:
            said = now
            delay = await _delay(db, organization)
            if delay.holder is not None:
                alive = now
            if told is not None:
                told(delay)
        if now - alive > TAKEN_WITHIN:
            raise StoreError(f"no daemon runs for {organization}: start `calscim serve`")
        await clock.sleep(LOOK)


def _result(organization: str, answer: passes.SyncAnswer) -> SyncResult:
    report = answer.report or {}
    return SyncResult(
        organization=organization,
        complete=bool(answer.complete),
        incomplete=tuple(report.get("incomplete", ())),
        actions=report.get("actions", {}),
        pending=report.get("pending", 0),
        held=report.get("held", 0),
        held_counts=report.get("held_counts") or held_json([], 0),
        deferred=report.get("deferred", 0),
        waiting=plan_views.waits(report.get("waiting", [])),
        waiting_total=report.get("waiting_total", 0),
        limits=plan_views.limits(report.get("limits", [])),
        unreachable=report.get("unreachable"),
        interrupted=report.get("interrupted", False),
        hash=report.get("hash"),
        seconds_left=report.get("seconds_left", 0),
    )


async def _delay(db: Database, organization: str) -> SyncDelay:
    lease = await db.fetchrow(sql("leases.get"), organization)
    running = await passes.load_running(db, organization)
    return SyncDelay(
        holder=lease["holder"] if lease is not None and lease["held"] else None,
        rate_limited_until=await organization_status.rate_limited_until(db, organization),
        progress=None if running is None else Progress(**running),
    )
