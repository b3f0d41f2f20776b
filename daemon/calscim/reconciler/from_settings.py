"""What the settings say about an organization's passes, and the client that calls Cal.com for it."""

from contextlib import nullcontext

import aiohttp

from calscim.calcom.client import Client
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.calcom.rate_budget import Budget
from calscim.calcom.transport import WaitContext
from calscim.clock import Clock
from calscim.config import Organization, Settings
from calscim.planner.safeguards.windows import Window
from calscim.reconciler.approvals import Rules

NOTED = 1.0  # seconds: shorter waits for the rate limit are not worth a word


def rules(settings: Settings, organization: Organization) -> Rules:
    """Return what the settings say about an organization's passes."""
    return Rules(
        policy=organization,
        guards=settings.guards,
        grace=settings.reconcile,
        windows=windows(settings, organization),
        approvals=settings.guards.approvals,
    )


def windows(settings: Settings, organization: Organization) -> tuple[Window, ...]:
    """Return the maintenance windows of all organizations and the organization's own."""
    return (*settings.reconcile.windows, *organization.windows)


def client(
    session: aiohttp.ClientSession,
    settings: Settings,
    organization: Organization,
    clock: Clock,
    calls: CallMetrics | None = None,
    waiting: WaitContext = nullcontext,
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
