"""From an organization's settings to its passes."""

import random
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from datetime import UTC
from functools import partial
from zoneinfo import ZoneInfo

import aiohttp

from calscim.calcom.client import Client
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.calcom.reader import Reader
from calscim.calcom.wire import Waiting
from calscim.clock import Clock
from calscim.core.budget import Budget
from calscim.core.guards import GuardPolicy, Limit
from calscim.core.model import PeopleMode, Provision
from calscim.core.plan import Policy
from calscim.core.policy import Rule, Source
from calscim.core.settling import Patience
from calscim.core.windows import Window
from calscim.errors import StoreError
from calscim.names import address_key
from calscim.reconcile.assignment import Timing
from calscim.reconcile.cycle import Cycle
from calscim.reconcile.decide import Rules
from calscim.reconcile.recent import Recent
from calscim.reconcile.slots import Slot
from calscim.reconcile.sweep import Sweep
from calscim.reconcile.view import View
from calscim.settings import Attribute, Guards, Organization, Settings
from calscim.settings import Limit as LimitSetting
from calscim.store import passes
from calscim.store.leases import Lease
from calscim.store.pool import Database

NOTED = 1.0  # seconds: shorter waits for the rate limit are not worth a word


def policy(organization: Organization) -> Policy:
    return Policy(
        organization=organization.name,
        protected=frozenset(address_key(address) for address in organization.protected),
        people=PeopleMode(organization.people),
        provision=Provision(organization.provision_people),
        attributes=tuple(_rule(one) for one in organization.attributes),
    )


def _rule(attribute: Attribute) -> Rule:
    source = attribute.source
    return Rule(
        Source(
            source.text,
            source.schema,
            source.attribute,
            source.where,
            source.equals,
            source.sub,
        ),
        attribute.to,
        attribute.create_options,
    )


def guard_policy(guards: Guards) -> GuardPolicy:
    return GuardPolicy(
        max_removals_per_team=_limit(guards.max_removals_per_team),
        max_removals_per_organization=_limit(guards.max_removals_per_organization),
        max_deprovisions=_limit(guards.max_deprovisions),
        drift_removals=_limit(guards.drift_removals),
        min_team_size=guards.min_team_size,
        min_organization_size=guards.min_organization_size,
        max_new_people=None if guards.max_new_people is None else _limit(guards.max_new_people),
        window=guards.window,
    )


def rules(settings: Settings, organization: Organization) -> Rules:
    return Rules(
        policy=policy(organization),
        guards=guard_policy(settings.guards),
        patience=Patience(settings.reconcile.drift_passes, settings.reconcile.drift_grace),
        windows=windows(settings, organization),
        approvals=settings.guards.approvals,
    )


def windows(settings: Settings, organization: Organization) -> tuple[Window, ...]:
    """Those of all organizations and its own."""
    return tuple(
        Window(
            setting.days,
            setting.begins,
            setting.ends,
            UTC if setting.zone == "UTC" else ZoneInfo(setting.zone),
            setting.text,
        )
        for setting in (*settings.reconcile.windows, *organization.windows)
    )


def _limit(setting: LimitSetting) -> Limit:
    return Limit(count=setting.count, percent=setting.percent)


def client(
    session: aiohttp.ClientSession,
    settings: Settings,
    organization: Organization,
    clock: Clock,
    calls: CallMetrics | None = None,
    waiting: Waiting = nullcontext,
) -> Client:
    """The one client of an organization: whatever calls Cal.com shares its budget."""
    return Client(
        session,
        organization=organization.name,
        api_url=organization.api_url,
        organization_id=organization.organization_id,
        api_key=organization.api_key,
        budget=Budget(organization.requests_per_minute),
        clock=clock,
        timeout=settings.reconcile.request_timeout,
        metrics=calls,
        waiting=waiting,
    )


def cycle_of(
    db: Database,
    settings: Settings,
    organization: Organization,
    calls: Client,
    clock: Clock,
    lease: Lease,
) -> Cycle:
    """The passes of an organization under one lease, with nothing known of Cal.com yet."""
    calls.tell_waits(partial(_note_wait, db, organization.name, calls.budget, clock))
    reader = Reader(calls)
    view = View(
        recent=Recent(clock.monotonic, settings.reconcile.settle),
        now=clock.monotonic,
    )
    return Cycle(
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
        sweep=Sweep(view, reader, calls.budget, clock, settings.reconcile.read_share),
    )


async def _note_wait(
    db: Database, organization: str, budget: Budget, clock: Clock, seconds: float
) -> None:
    """Let `calscim status` and `calscim sync` know that a pass waits for the rate limit, and for how long."""
    if seconds < NOTED:
        return
    remaining = budget.remaining(clock.monotonic())
    with suppress(StoreError):  # a pass that cannot tell goes on all the same
        await passes.note_budget(db, organization, budget.limit, remaining, seconds)


class Running:
    """Makes one organization's passes in this process, and what of them follows the configuration.

    ``follow`` applies other settings to the next passes and to the one under way. service/reload.py decides which
    settings can change. ``timing`` is that of all organizations.
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
    ) -> None:
        self._db = db
        self._settings = settings
        self._organization = organization
        self._clock = clock
        self._client = client(session, settings, organization, clock, call_metrics, self._lend_slot)
        self._cycle: Cycle | None = None
        self._slot: Slot | None = None
        self._timing = timing

    def follow(self, settings: Settings, organization: Organization) -> None:
        """From now on these. The name, the number and the address of the organization are the same."""
        self._settings, self._organization = settings, organization
        timeout = settings.reconcile.request_timeout
        self._client.use(api_key=organization.api_key, timeout=timeout)
        self._client.budget.cap(organization.requests_per_minute)
        self._timing.interval = settings.reconcile.interval
        self._timing.debounce = settings.reconcile.debounce
        if (cycle := self._cycle) is not None:
            cycle.import_existing = organization.import_existing
            cycle.notify_new_users = organization.notify_new_users
            cycle.rules = rules(settings, organization)
            cycle.sweep.share = settings.reconcile.read_share
            cycle.view.recent.seconds = settings.reconcile.settle

    def make_cycle(self, lease: Lease, slot: Slot) -> Cycle:
        """The passes under one lease; they lend ``slot`` while Cal.com keeps them waiting."""
        self._slot = slot
        self._cycle = cycle_of(
            self._db, self._settings, self._organization, self._client, self._clock, lease
        )
        return self._cycle

    def _lend_slot(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._slot is None else self._slot.lent()
