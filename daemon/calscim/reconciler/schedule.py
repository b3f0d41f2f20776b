"""Schedules the passes of one organization whose lease this daemon holds.

A pass that could not read what it needed is tried again after growing waits (1 s to 30 s), whatever its scope. While
Cal.com is unreachable or refuses the key, all pushes wait for the same try. A sync that an operator asks for runs at
once in any case. PendingChanges reports the changes that wait.

The state lives in memory as long as the lease does, and starts with a full pass. One step runs at a time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from calscim.clock import Clock
from calscim.errors import RemoteError
from calscim.journal.audit import Editor
from calscim.planner.action_key import ActionKey
from calscim.planner.ids import TeamId, UserId
from calscim.reconciler.backoff import Backoff
from calscim.reconciler.dirty_set import DirtySet, collect_dirty_set
from calscim.reconciler.metrics import Metrics
from calscim.reconciler.pass_span import traced_pass
from calscim.reconciler.pending_changes import PendingChanges
from calscim.reconciler.reconcile import Reconciler
from calscim.reconciler.report import Report
from calscim.reconciler.state import attempts as actions
from calscim.reconciler.state import parked_actions, passes, restore_check
from calscim.reconciler.state.parked_actions import ParkedAction

log = structlog.get_logger()

INTERRUPT_AFTER = 5.0  # seconds that a pass may continue after newer changes


@dataclass(slots=True)
class Timing:
    """Seconds between two full passes, and from a push to its incremental pass."""

    interval: float
    debounce: float


@dataclass(frozen=True, slots=True)
class Due:
    """When the next step may run; ``is_urgent``: for a push or an operator, not for a periodic pass."""

    at: float
    is_urgent: bool


@dataclass(slots=True)
class OrganizationSchedule:
    """The schedule of one organization under one lease, and its steps."""

    reconciler: Reconciler
    timing: Timing
    clock: Clock
    jitter: Callable[[], float]
    metrics: Metrics
    is_stopping: Callable[[], bool]
    is_crowded: Callable[[], bool] = lambda: False  # other organizations wait for a slot
    _backoff: Backoff = field(init=False)
    pending: PendingChanges = field(init=False)
    _next_full: float = field(init=False)
    _latest: float = field(init=False)  # the full pass waits no longer for reads ahead
    _not_before: float = 0.0  # while Cal.com is unreachable or refuses the key
    _ended_at: float = 0.0  # when the last step ended
    _reads_began_at: float = 0.0  # start of the reads for the last full pass
    _announced_at: float | None = None  # when a change was announced
    _noticed_at: float | None = None  # when the running pass noticed a change
    _crowded_at: float | None = None  # when the running pass noticed that others wait
    _has_begun: bool = False
    _backlog: bool = False  # the last pass was interrupted
    _has_more_rows: bool = False  # the last pass left journal rows
    _repeats_full: bool = False  # the last full pass was incomplete
    _unread_set: DirtySet | None = (
        None  # the dirty set of an incremental pass that could not read all it needed
    )
    _retry_at: float = 0.0
    _retried: dict[ActionKey, int] = field(default_factory=dict)  # parked actions by their attempts
    _seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._backoff = Backoff(self.jitter)
        self.pending = PendingChanges(
            self.reconciler.db, self.organization, self.clock, self.metrics
        )
        self._next_full = self._latest = self.clock.monotonic()

    @property
    def organization(self) -> str:
        return self.reconciler.organization

    # -------------------------------------------------------------- when

    def note_change(self) -> None:
        """Note that the database may have new rows, a request, or a due action."""
        if self._announced_at is None:
            self._announced_at = self.clock.monotonic()

    def due(self) -> Due:
        """Return when the next step is due; an overdue step keeps its time."""
        now = self.clock.monotonic()
        if not self._has_begun:
            return Due(self._next_full, is_urgent=self._announced_at is not None)
        soon = [] if self._announced_at is None else [self._announced_at + self.timing.debounce]
        if self._has_more_rows:
            soon.append(max(self._ended_at, self._not_before))
        if self._unread_set is not None:
            soon.append(max(self._retry_at, self._not_before))
        later = [self._full_at()]
        if self._backlog:
            later.append(max(self._ended_at, self._not_before))
        elif (read_ahead := self._read_ahead_due()) is not None:
            later.append(max(read_ahead, self._not_before))
        if soon and min(soon) <= max(now, min(later)):
            return Due(min(soon), is_urgent=True)
        return Due(min(later), is_urgent=False)

    def _full_at(self) -> float:
        """Return when the next full pass is due. The pass waits for reads ahead until ``_latest``."""
        due = self._latest if self.reconciler.paced_reader.is_active else self._next_full
        return due + self._postponed()

    def _postponed(self) -> float:
        """Return the delay of full passes: with a backlog, calls are reserved for writes."""
        return 5 * self.timing.interval if self._backlog else 0.0

    # -------------------------------------------------------------- one step

    async def step(self) -> Report | None:
        """Run the pass that is due. Raise LeaseLost or StoreUnavailable."""
        try:
            if not self._has_begun:
                await self._start_lease()
            report = await self._run_due_pass()
            if report is not None:
                await self._plan_next(report)
            await self._read_ahead()
        except RemoteError as error:
            await self._record_unreachable(error)
            return None
        finally:
            self._ended_at = self.clock.monotonic()
        return report

    async def _start_lease(self) -> None:
        """Start a lease: close attempts of earlier terms, and check for a restored database."""
        db, organization = self.reconciler.db, self.organization
        if left := await actions.abandon(db, self.reconciler.lease):
            log.warning("reconcile.resumed", organization=organization, unknown=left)
        if (
            await restore_check.is_restored_copy(db, organization)
            and await self.reconciler.has_changes()
        ):
            editor = Editor(by=self.reconciler.lease.holder, cipher=db.cipher)
            paused = await restore_check.pause_restored(db, editor, organization)
            log.warning(
                "database.restored",
                organization=organization,
                paused=paused,
                then=[f"calscim directory resume {name!r}" for name in paused],
            )
        await restore_check.record_identity(db, organization)
        self._has_begun = True

    async def _run_due_pass(self) -> Report | None:
        """Run the pass that is due; return None if there was nothing to do."""
        db, reconciler = self.reconciler.db, self.reconciler
        had_news = self._announced_at is not None
        self._announced_at = self._noticed_at = self._crowded_at = None
        if self.is_stopping():
            return None
        if await passes.has_request(db, self.organization):
            requests = await passes.list_requests(db, self.organization)
            reconciler.paced_reader.end()
            self._reads_began_at = self.clock.monotonic()
            return await self._run_full(requests=requests)
        now = self.clock.monotonic()
        if now < self._not_before:
            if had_news:
                await self.pending.count_all()
            return None
        if self._full_at() <= now:
            since = reconciler.paced_reader.began
            self._reads_began_at = self.clock.monotonic() if since is None else since
            return await self._run_full(since=since)
        if reconciler.view.me is None:  # the next full pass reads everything
            return None
        return await self._run_incremental()

    async def _run_full(
        self, *, requests: list[int] | None = None, since: float | None = None
    ) -> Report:
        await self.pending.count_all()
        self._retried.clear()
        self._has_more_rows = False
        run = self.reconciler.run_full(self._interrupted, requests or (), since=since)
        return await traced_pass(self.reconciler, "full", run)

    async def _run_incremental(self) -> Report | None:
        db, reconciler = self.reconciler.db, self.reconciler
        unread = await passes.load_unread(db, self.organization)
        self._has_more_rows = unread.more
        found = collect_dirty_set(unread.news)
        found.everyone = found.everyone or self._backlog
        found.reread = not self._backlog
        self._add_due_actions(found, await parked_actions.load(db, self.organization))
        retries = self._unread_set is not None and self.clock.monotonic() >= self._retry_at
        if retries and self._unread_set is not None:
            found.update(self._unread_set)
            found.teams |= reconciler.view.gaps.keys() - reconciler.view.gone
        if not found:
            await self._advance(unread.reached)
            return None
        pushed = [row.at for row in unread.news if row.kind == "scim"]
        self.pending.count_pushes(len(pushed), min(pushed, default=None))
        run = reconciler.run_incremental(found, unread.reached, self._interrupted)
        report = await traced_pass(reconciler, "incremental", run)
        self._keep_unread(found, report, retries=retries)
        return report

    def _keep_unread(self, found: DirtySet, report: Report, *, retries: bool) -> None:
        """Schedule an incremental pass again if it could not read all it needed.

        If a full pass is due again anyway, the full pass reads the rest.
        """
        if report.unreachable is not None or not report.again or self._repeats_full:
            self._unread_set = None
            return
        if retries or self._unread_set is None:
            self._retry_at = self.clock.monotonic() + self._backoff.next()
        if self._unread_set is None:
            self._unread_set = found
        else:
            self._unread_set.update(found)

    def _add_due_actions(self, found: DirtySet, stuck: Mapping[ActionKey, ParkedAction]) -> None:
        """Add due parked actions to the dirty set, once per attempt."""
        for key, entry in stuck.items():
            if entry.due_in > 0 or self._retried.get(key) == entry.attempts:
                continue
            self._retried[key] = entry.attempts
            if key.subject.isdecimal():  # an account without a user
                found.everyone = True
            else:
                found.users.add(UserId(key.subject))
            if key.team_id:
                found.teams.add(TeamId(key.team_id))

    async def _advance(self, heads: dict[str, int]) -> None:
        if heads != self._seen:
            await passes.advance(self.reconciler.db, self.organization, heads)
            self._seen = heads

    # -------------------------------------------------------------- after it

    async def _plan_next(self, report: Report) -> None:
        """Decide when the next pass is due, and record what waits."""
        now = self.clock.monotonic()
        paced_reader, full = self.reconciler.paced_reader, report.scope == "full"
        self._backlog = report.interrupted
        if full:
            paced_reader.end()
            self._unread_set = None
            self._repeats_full = report.again and report.unreachable is None
        if report.unreachable is not None or (full and report.again):
            self._next_full = self._latest = now + self._backoff.next()
            self._not_before = self._next_full if report.unreachable is not None else 0.0
            if full and now - self._reads_began_at < self.timing.interval:
                paced_reader.began = self._reads_began_at  # keep the reads of this pass
        else:
            self._not_before = 0.0
            if self._unread_set is None and not self._repeats_full:
                self._backoff.reset()
            if full:
                self._next_full = now + self.timing.interval * (0.9 + 0.2 * self.jitter())
                self._latest = self._next_full + self.timing.interval
        if report.window_left is not None:  # run a pass when the window ends
            self._next_full = min(self._next_full, now + report.window_left)
            self._latest = min(self._latest, self._next_full)
        self.metrics.passed(self.organization, report)
        await self._note_retry(report)

    async def _note_retry(self, report: Report) -> None:
        """Log and store which changes wait for another try."""
        if report.unreachable is not None:
            self.pending.note_unreachable(report.unreachable_kind, report.unreachable)
            await self.pending.carry(self._next_full - self.clock.monotonic())
            return
        self.pending.note_reachable()
        if self._repeats_full or self._unread_set is not None:
            at = self._retry_at if self._unread_set is not None else self._next_full
            await self.pending.note_unread(report.unread, max(0.0, at - self.clock.monotonic()))
        else:
            self.pending.note_processed(is_everything_done=not report.pending)

    async def _record_unreachable(self, error: RemoteError) -> None:
        """Record that Cal.com is unreachable or refuses the key."""
        db, organization = self.reconciler.db, self.organization
        self.pending.note_unreachable(error.kind, str(error))
        await self.pending.count_all()
        pass_id = await passes.begin(db, organization, "full")
        requests = await passes.list_requests(db, organization)
        report = {
            "unreachable": str(error),
            "unreachable_kind": error.kind.value,
            "incomplete": [str(error)],
            "waiting": [],
            "pending": 0,
            "held": 0,
        }
        await passes.finish(db, pass_id, complete=False, in_sync=False, report=report)
        await passes.answer_requests(db, requests, pass_id, str(error))
        wait = self._backoff.next()
        self._next_full = self._latest = self._not_before = self.clock.monotonic() + wait
        await self.pending.store_next_try(wait)

    # -------------------------------------------------------------- reads ahead

    def _read_ahead_due(self) -> float | None:
        """Return when the next read ahead of the full pass is due, or None."""
        paced_reader = self.reconciler.paced_reader
        if paced_reader.is_active:
            wait = paced_reader.wait()
            return self.clock.monotonic() + wait if wait > 0 else self._ended_at
        if (
            paced_reader.began is not None
            or self.reconciler.view.me is None
            or not paced_reader.is_worth_it()
        ):
            return None
        return max(self._ended_at, self._read_ahead_from())

    def _read_ahead_from(self) -> float:
        return self._next_full - self.timing.interval / 2

    async def _read_ahead(self) -> None:
        """Read one team ahead of the next full pass, if that pass takes many reads."""
        paced_reader = self.reconciler.paced_reader
        now = self.clock.monotonic()
        if self._backlog or self.is_stopping() or self.reconciler.view.me is None:
            return
        if now < self._not_before:
            return
        if (
            paced_reader.began is None
            and now >= self._read_ahead_from()
            and paced_reader.is_worth_it()
        ):
            paced_reader.begin()
        await paced_reader.step(self._next_full)

    # -------------------------------------------------------------- interruption

    def _interrupted(self) -> bool:
        """Return True if a pass should stop: at once on shutdown, after a while for newer changes or others."""
        if self.is_stopping():
            return True
        now = self.clock.monotonic()
        if self._announced_at is not None:
            self._noticed_at = self._noticed_at or now
        if self.is_crowded():
            self._crowded_at = self._crowded_at or now
        since = [at for at in (self._noticed_at, self._crowded_at) if at is not None]
        return bool(since) and now - min(since) >= INTERRUPT_AFTER
