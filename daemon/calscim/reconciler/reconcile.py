"""One pass over one organization: read, plan, apply limits, execute, report."""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from calscim.calcom.client import Client
from calscim.calcom.reader import Reader
from calscim.calcom.writer import Writer
from calscim.clock import Clock
from calscim.planner.action_key import ActionKey, key_of
from calscim.planner.actions import Action, ChangeAttribute, Kind, State, team_of
from calscim.planner.desired_state import DesiredState
from calscim.planner.ids import DirectoryId, TeamId, UserId
from calscim.planner.people.address_moves import find_contested_addresses, find_released_addresses
from calscim.planner.plan import Plan, Scope, Waiting
from calscim.planner.policy import ABSENT_AFTER
from calscim.planner.safeguards.limits_check import limits_in_use
from calscim.planner.safeguards.windows import find_open_window, next_close
from calscim.planner.teams.pending import pending_teams
from calscim.postgres.pool import Database
from calscim.reconciler.action_effects import EffectRecorder
from calscim.reconciler.action_resolver import ActionResolver
from calscim.reconciler.action_traces import ActionTraces
from calscim.reconciler.address_changes import AddressExchanges
from calscim.reconciler.approvals import Rules, carry_out_approved, decide, remember
from calscim.reconciler.attribute_cache import AttributeSync
from calscim.reconciler.call_outcomes import OutcomeHandler
from calscim.reconciler.deprovisioning import Deprovisioner
from calscim.reconciler.desired_loader import load_desired_state
from calscim.reconciler.dirty_set import DirtySet
from calscim.reconciler.executor import Executor
from calscim.reconciler.observation_record import ObservationRecord
from calscim.reconciler.observed_cache import (
    ObservedCache,
)
from calscim.reconciler.outage import OutageDetector
from calscim.reconciler.paced_reader import PacedReader
from calscim.reconciler.pass_reads import PassReads
from calscim.reconciler.preflight import Preflight
from calscim.reconciler.progress import Progress
from calscim.reconciler.provisioning import Joiner
from calscim.reconciler.recorder import AttemptLog, Recorder
from calscim.reconciler.report import PassLog, Report, build_report, drift, log_held, report_json
from calscim.reconciler.retry_queue import PassResult, RetryQueue
from calscim.reconciler.state import (
    applied_attributes,
    build_traits,
    holds,
    ledger,
    parked_actions,
    passes,
)
from calscim.reconciler.state import attempts as actions
from calscim.reconciler.state.attempts import Attempts
from calscim.reconciler.state.desired_state import DesiredSnapshot
from calscim.reconciler.state.leases import Lease
from calscim.reconciler.state.parked_actions import ParkedAction
from calscim.reconciler.team_creation import TeamCreator
from calscim.tracing import NO_SPAN, Span


@dataclass(slots=True)
class Reconciler:
    """Runs the passes of one organization under one lease."""

    db: Database
    organization: str
    import_existing: bool
    notify_new_users: bool
    rules: Rules
    client: Client
    reader: Reader
    clock: Clock
    lease: Lease
    jitter: Callable[[], float]
    view: ObservedCache
    paced_reader: PacedReader
    reads: PassReads = field(init=False)
    records: ObservationRecord = field(init=False)
    pass_log: PassLog = field(default_factory=PassLog)
    span: Span = NO_SPAN  # of the pass under way
    carried: int = 0  # changes that interrupted passes have made of the current work

    def __post_init__(self) -> None:
        self.reads = PassReads(self.view, self.reader, self.paced_reader)
        self.records = ObservationRecord(self.db, self.organization, self.view)

    async def run_full(
        self,
        interrupted: Callable[[], bool],
        requests: Sequence[int] = (),
        since: float | None = None,
    ) -> Report:
        """Read everything, then correct all differences.

        ``since``: teams that were read since then belong to this pass and are not read again.
        """
        began = self.clock.monotonic()
        # First, because nothing else helps while Cal.com is unreachable.
        await self.view.read_key(self.reader)
        heads = await passes.load_heads(self.db, self.organization)
        pass_id = await passes.begin(self.db, self.organization, "full")
        snapshot = await self._load_desired()
        self.view.traits = await build_traits.load(self.db, self.organization)
        await self.view.read_everything(self.reader, snapshot.desired, since)
        await self.records.rename_teams(snapshot.desired)
        imported = await self.records.import_people(
            snapshot, _request_id(), is_new_imported=self.import_existing
        )
        if await self._adopt(snapshot.desired) or imported:
            snapshot = await self._load_desired()
            heads |= _ends_of_imports(heads, snapshot.heads, imported)
        await self.reads.read_profiles(snapshot.desired)
        await self.reads.read_attributes(snapshot.desired, self.rules.policy, again=True)
        await self.reads.read_some_options(snapshot.desired, self.rules.policy)
        if since is not None:  # before drift is corrected
            planned = await self._plan(snapshot, Scope(), everything=True)
            await self.reads.read_again(_drifting_teams(planned), began)
        report = await self._plan_and_execute(
            pass_id, "full", snapshot, Scope(), interrupted, began
        )
        await self._new_teams().observe_owners(snapshot.desired)
        await self.records.count_absences(snapshot, _request_id())
        await passes.advance(self.db, self.organization, heads)
        await passes.answer_requests(self.db, requests, pass_id, report.unreachable or "")
        await passes.prune(self.db, self.organization)
        return report

    async def has_changes(self) -> bool:
        """Return True if full passes would change anything, or if that is unknown. Read-only.

        An account that Cal.com's list lacks counts as absent at once: the passes that have to agree would follow.
        """
        await self.view.read_key(self.reader)
        snapshot = await self._load_desired()
        await self.view.read_everything(self.reader, snapshot.desired)
        await self.reads.read_profiles(snapshot.desired)
        await self.reads.read_attributes(snapshot.desired, self.rules.policy, again=True)
        missed = dict.fromkeys(snapshot.desired.users, ABSENT_AFTER)
        planned = await self._plan(replace(snapshot, missed=missed), Scope(), everything=False)
        doing = any(action.state in (State.RUN, State.HELD) for action in planned.actions)
        return doing or bool(planned.deferred) or bool(planned.incomplete)

    async def run_incremental(
        self, dirty: DirtySet, heads: dict[str, int], interrupted: Callable[[], bool]
    ) -> Report:
        """Read what the dirty set affects, and correct only that.

        While a set is held, the plan covers all people, so that new removals over the limit are held with the set.
        """
        if self.view.me is None:  # the cache is empty
            return await self.run_full(interrupted)
        began = self.clock.monotonic()
        pass_id = await passes.begin(self.db, self.organization, "incremental")
        covers_everyone = dirty.everyone or await holds.load_current(self.db, self.organization)
        users = None if covers_everyone else dirty.users
        snapshot = await self._load_desired(users)
        known = snapshot.desired.users.keys() | snapshot.desired.deleted_users.keys()
        if users is not None and users - known:  # an unknown id may be a nested group
            users = None
            snapshot = await self._load_desired()
        teams = dirty.affected_teams(snapshot.desired)
        await self.reads.read_affected_teams(snapshot.desired, teams, again=dirty.reread)
        if users is not None and self._frees_addresses(snapshot.desired):
            users = None
            snapshot = await self._load_desired()
        if await self._adopt(snapshot.desired):
            snapshot = await self._load_desired(users)
        await self.reads.read_attributes(snapshot.desired, self.rules.policy, again=False)
        scope = Scope() if users is None else Scope(users=frozenset(users))
        report = await self._plan_and_execute(
            pass_id, "incremental", snapshot, scope, interrupted, began
        )
        if any(kind is Kind.DEPROVISION for kind, _ in report.outcomes):
            await self.records.drop_deprovisioned(_request_id())
        await passes.advance(self.db, self.organization, heads)
        return report

    def _frees_addresses(self, directory: DesiredState) -> bool:
        """Return True if one of these users waits for another account's address, or has such an address.

        Such changes free addresses for each other, so the plan has to cover all people.
        """
        people = self.view.people or {}
        waited_for = find_contested_addresses(directory, people)
        self.view.contested |= waited_for
        return bool(waited_for) or not find_released_addresses(directory, people).isdisjoint(
            self.view.contested
        )

    async def _load_desired(self, users: Collection[UserId] | None = None) -> DesiredSnapshot:
        return await load_desired_state(self.db, self.rules, self.clock.now(), users)

    async def _plan(self, snapshot: DesiredSnapshot, scope: Scope, *, everything: bool) -> Plan:
        return await decide(
            self.db, snapshot, self.view.observed(), self.rules, scope, everything=everything
        )

    def _new_teams(self) -> TeamCreator:
        return TeamCreator(self.reader, self.view, Recorder(self.db, self.organization))

    async def _adopt(self, desired: DesiredState) -> int:
        """Adopt memberships and teams that attempts with an unknown outcome created; return how many."""
        adopted = await self.records.adopt_attempted()
        if not desired.paused:
            adopted += await self._new_teams().bind_existing(pending_teams(desired), _request_id())
        return adopted

    # -------------------------------------------------------------- plan and perform

    async def _plan_and_execute(
        self,
        pass_id: int,
        scope_name: str,
        snapshot: DesiredSnapshot,
        scope: Scope,
        interrupted: Callable[[], bool],
        began: float,
    ) -> Report:
        everything = scope_name == "full"
        if scope.users is None and self.view.people is not None:
            self.view.contested = find_contested_addresses(snapshot.desired, self.view.people)
        planned = await self._plan(snapshot, scope, everything=everything)
        await ledger.link(self.db, self.organization, planned.links)
        await ledger.record_found(self.db, self.organization, planned.in_place)
        await applied_attributes.record_applied(
            self.db, self.organization, planned.applied_attributes
        )
        if everything:
            self.paced_reader.drifting = _drifting_teams(planned)
            await self.records.note_drift(planned)
            await carry_out_approved(self.db, self.organization, planned, self.rules.approvals)
        is_whole = everything or (scope.users is None and not planned.incomplete)
        unannounced = await remember(self.db, self.organization, planned, everything=is_whole)
        log_held(self.organization, unannounced)
        await holds.mark_announced(self.db, self.organization, [one.hash for one in unannounced])
        parked = await parked_actions.load(self.db, self.organization)
        pass_result = await self._execute(pass_id, snapshot, planned, parked, interrupted)
        planned = replace(planned, waiting=_add_waiting(planned.waiting, pass_result.waiting))
        if pass_result.outcomes:  # the limits after the pass
            usage = await actions.window_usage(self.db, self.organization, self.rules.guards.window)
            limits = limits_in_use(self.view.observed(), self.rules.guards, usage)
            planned = replace(planned, limits=limits)
        if everything:
            await self._unpark_obsolete(planned, parked)
        done = build_report(
            scope_name,
            planned,
            pass_result,
            readable=self.reads.may_improve(),
            parked=len(await parked_actions.load(self.db, self.organization)),
            seconds=round(self.clock.monotonic() - began, 3),
            window_left=self._window_left(),
            lost=self.view.attributes.lost,
        )
        left = self.client.budget.estimate(self.clock.monotonic(), done.pending)
        await self._save_budget()
        await passes.finish(
            self.db,
            pass_id,
            complete=done.complete,
            in_sync=done.in_sync,
            report=report_json(planned, done, left, self.view.team_catalog.names),
        )
        window = find_open_window(self.rules.windows, self.clock.now())
        self.pass_log.write(self.organization, pass_id, planned, done, window)
        return done

    async def _execute(
        self,
        pass_id: int,
        snapshot: DesiredSnapshot,
        planned: Plan,
        parked: Mapping[ActionKey, ParkedAction],
        interrupted: Callable[[], bool],
    ) -> PassResult:
        running = [action for action in planned.actions if action.state is State.RUN]
        if not running:
            self.carried = 0
            return PassResult()
        progress = Progress(
            self.db,
            self.organization,
            pass_id,
            self.client.budget,
            self.clock,
            before=self.carried,
        )
        attempts = Attempts(self.db, self.lease, pass_id, planned.hash)
        causes = [one for action in running if (one := action.provenance) is not None]
        traces = await ActionTraces.of(self.db, self.span, self.organization, causes)
        record = Recorder(self.db, self.organization)
        retry_queue = RetryQueue(record, parked, self.jitter)
        writer = Writer(
            self.client,
            AttemptLog(attempts, self.view.team_catalog.names),
            notify_new_users=self.notify_new_users,
            invites_by_email=self.view.traits.invites_by_email,
            open_span=traces.open,
        )

        async def replan(user: UserId) -> list[Action]:
            again = await self._plan(snapshot, Scope(users=frozenset({user})), everything=False)
            return [
                one
                for one in again.actions
                if one.state is State.RUN and isinstance(one, ChangeAttribute)
            ]

        exchanges = AddressExchanges(self.view, retry_queue, planned.actions)
        attribute_sync = AttributeSync(
            self.view.attributes, record, partial(self.view.read_options, self.reader)
        )
        resolver = ActionResolver(self.view, exchanges, attribute_sync, self._new_teams())
        effects = EffectRecorder(self.view, record, resolver)
        joiner = Joiner(self.reader, writer, self.view, record)
        outage = OutageDetector(self.reader, retry_queue, self.view.unanswered)
        executor = Executor(
            writer=writer,
            view=self.view,
            preflight=Preflight(self.reader, self.view, self.rules.policy),
            retry_queue=retry_queue,
            request_ids=await actions.request_ids(self.db, causes),
            default_request_id=_request_id(),
            interrupted=lambda: interrupted() or self._window_left() is not None,
            progress=progress,
            resolver=resolver,
            joiner=joiner,
            deprovisioner=Deprovisioner(self.reader, writer, self.view, record),
            outage=outage,
            outcomes=OutcomeHandler(
                writer, self.view, record, retry_queue, joiner, outage, effects
            ),
            replan=replan,
        )
        pass_result = await executor.execute(planned)
        self.carried = progress.before + progress.done if pass_result.interrupted else 0
        return pass_result

    def _window_left(self) -> float | None:
        """Return the seconds until the open maintenance window ends, or None."""
        now = self.clock.now()
        end = next_close(self.rules.windows, now)
        return None if end is None else (end - now).total_seconds()

    async def _unpark_obsolete(
        self, planned: Plan, parked: Mapping[ActionKey, ParkedAction]
    ) -> None:
        """Unpark actions that the plan no longer contains."""
        wanted = {key_of(action) for action in planned.actions}
        gone = [key for key in parked if key not in wanted]
        await Recorder(self.db, self.organization).unpark(gone)

    async def _save_budget(self) -> None:
        now = self.clock.monotonic()
        budget = self.client.budget
        await passes.store_budget(
            self.db, self.organization, budget.limit, budget.remaining(now), budget.resets_in(now)
        )


def _ends_of_imports(
    before: Mapping[str, int], after: Mapping[DirectoryId, int], rows: Mapping[DirectoryId, int]
) -> dict[str, int]:
    """Return the new heads of the journals that only this pass has appended rows to.

    ``rows``: how many rows it appended to each. Rows of others are left to the next pass.
    """
    return {
        directory: after[directory]
        for directory, count in rows.items()
        if after.get(directory) == before.get(directory, 0) + count
    }


def _drifting_teams(planned: Plan) -> Counter[TeamId]:
    """Return how many drift actions each team has."""
    return Counter(team for action in drift(planned) if (team := team_of(action)) is not None)


def _add_waiting(waiting: Sequence[Waiting], more: Mapping[UserId, Waiting]) -> tuple[Waiting, ...]:
    """Return the waiting people of the plan, plus those that the pass made pending."""
    known = {one.user for one in waiting}
    return (*waiting, *(one for user, one in more.items() if user not in known))


def _request_id() -> str:
    return f"pass-{uuid.uuid4()}"
