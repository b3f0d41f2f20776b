"""Translate settings into what the planner and the reconciler work with, and make the client of an organization."""

from contextlib import nullcontext
from datetime import UTC
from zoneinfo import ZoneInfo

import aiohttp

from calscim.calcom.client import Client
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.calcom.rate_budget import Budget
from calscim.calcom.transport import Waiting
from calscim.clock import Clock
from calscim.config import Attribute, Guards, Organization, Settings
from calscim.config import Limit as LimitSetting
from calscim.names import address_key
from calscim.planner.model import PeopleMode, Provision
from calscim.planner.planner import Policy
from calscim.planner.policy import Rule, Source
from calscim.planner.safeguards.drift_grace import Patience
from calscim.planner.safeguards.limits_check import GuardPolicy, Limit
from calscim.planner.safeguards.windows import Window
from calscim.reconciler.approvals import Rules

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
