"""The client that calls Cal.com for an organization."""

from contextlib import nullcontext

import aiohttp

from calscim.calcom.client import Client
from calscim.calcom.metrics import Metrics as CallMetrics
from calscim.calcom.rate_budget import Budget
from calscim.calcom.transport import Transport, WaitContext
from calscim.clock import Clock
from calscim.config import Organization, Settings
from calscim.tracing import Tracing

NOTED = 1.0  # seconds: a shorter wait for the rate limit is not reported


def client(
    session: aiohttp.ClientSession,
    settings: Settings,
    organization: Organization,
    clock: Clock,
    calls: CallMetrics | None = None,
    waiting: WaitContext = nullcontext,
    tracing: Tracing | None = None,
) -> Client:
    """Return the client of an organization. All callers must share it, because it has the rate budget."""
    return Client(
        Transport(
            session,
            organization=organization.name,
            api_url=organization.api_url,
            api_key=organization.api_key,
            budget=Budget(organization.requests_per_minute),
            clock=clock,
            timeout=settings.reconcile.request_timeout,
            metrics=calls,
            waiting=waiting,
            tracing=tracing,
            send_traceparent=organization.send_traceparent,
        ),
        organization.organization_id,
    )
