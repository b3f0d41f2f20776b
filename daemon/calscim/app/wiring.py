"""Composes an organization's passes from its settings."""

import random
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import partial

import aiohttp

from calscim.calcom.client import Client
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.calcom.rate_budget import Budget
from calscim.calcom.reader import Reader
from calscim.clock import Clock
from calscim.config import Organization, Settings
from calscim.errors import StoreError
from calscim.postgres.pool import Database
from calscim.reconciler.calcom_client import NOTED, client
from calscim.reconciler.from_settings import rules
from calscim.reconciler.observed_cache import ObservedCache
from calscim.reconciler.paced_reader import PacedReader
from calscim.reconciler.pass_slots import PassSlot
from calscim.reconciler.reconcile import Reconciler
from calscim.reconciler.schedule import Timing
from calscim.reconciler.stale_reads import StaleReadFilter
from calscim.reconciler.state import passes
from calscim.reconciler.state.leases import Lease
from calscim.tracing import Tracing


def reconciler_of(
    db: Database,
    settings: Settings,
    organization: Organization,
    calls: Client,
    clock: Clock,
    lease: Lease,
) -> Reconciler:
    """Return the reconciler of an organization for one lease. It knows nothing of Cal.com yet."""
    calls.notify_waits(partial(_note_wait, db, organization.name, calls.budget, clock))
    reader = Reader(calls)
    view = ObservedCache(
        recent=StaleReadFilter(clock.monotonic, settings.reconcile.stale_read_window),
        now=clock.monotonic,
    )
    return Reconciler(
        db=db,
        organization=organization.name,
        import_existing=organization.import_existing,
        notify_new_users=organization.notify_new_users,
        rules=rules(settings, organization),
        client=calls,
        reader=reader,
        clock=clock,
        lease=lease,
        jitter=random.SystemRandom().random,
        view=view,
        paced_reader=PacedReader(
            view, reader, calls.budget, clock, settings.reconcile.read_budget_share
        ),
    )


async def _note_wait(
    db: Database, organization: str, budget: Budget, clock: Clock, seconds: float
) -> None:
    """Record that a pass waits for the rate limit, and how long, for `calscim status` and `calscim sync`."""
    if seconds < NOTED:
        return
    remaining = budget.remaining(clock.monotonic())
    with suppress(StoreError):  # the pass continues without the record
        await passes.store_budget(db, organization, budget.limit, remaining, seconds)


class RunningOrganization:
    """One organization in this process: its client of Cal.com and its reconciler, which follow the configuration.

    ``follow`` applies new settings to the next passes and to the one under way. app/reload.py decides which settings
    can change. ``timing`` is shared by all organizations.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        organization: Organization,
        session: aiohttp.ClientSession,
        clock: Clock,
        timing: Timing,
        call_metrics: CallMetrics,
        tracing: Tracing | None = None,
    ) -> None:
        self._db = db
        self._settings = settings
        self._organization = organization
        self._clock = clock
        self._client = client(
            session, settings, organization, clock, call_metrics, self._lend_slot, tracing
        )
        self._reconciler: Reconciler | None = None
        self._slot: PassSlot | None = None
        self._timing = timing

    def follow(self, settings: Settings, organization: Organization) -> None:
        """Use other settings from now on. They have the same name, id and API address."""
        self._settings, self._organization = settings, organization
        timeout = settings.reconcile.request_timeout
        self._client.use(
            api_key=organization.api_key,
            timeout=timeout,
            send_traceparent=organization.send_traceparent,
        )
        self._client.budget.set_cap(organization.requests_per_minute)
        self._timing.interval = settings.reconcile.interval
        self._timing.debounce = settings.reconcile.debounce
        if (reconciler := self._reconciler) is not None:
            reconciler.import_existing = organization.import_existing
            reconciler.notify_new_users = organization.notify_new_users
            reconciler.rules = rules(settings, organization)
            reconciler.paced_reader.share = settings.reconcile.read_budget_share
            reconciler.view.recent.seconds = settings.reconcile.stale_read_window

    def is_short_for(self) -> float | None:
        """Return for how many seconds other programs have left too few calls of the rate limit, or None."""
        now = self._clock.monotonic()
        since = self._client.budget.short_since(now)
        return None if since is None else now - since

    def make_reconciler(self, lease: Lease, slot: PassSlot) -> Reconciler:
        """Return the reconciler for one lease. Its passes lend ``slot`` while they wait for Cal.com."""
        self._slot = slot
        self._reconciler = reconciler_of(
            self._db, self._settings, self._organization, self._client, self._clock, lease
        )
        return self._reconciler

    def _lend_slot(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._slot is None else self._slot.lent()
