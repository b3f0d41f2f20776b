"""What the client logs and counts for each call, and what it keeps secret."""

import pytest
import structlog
from prometheus_client import CollectorRegistry

from calscim.calcom.client import Client
from calscim.calcom.metrics import Metrics
from calscim.calcom.rate_budget import Budget
from calscim.calcom.transport import Transport
from calscim.errors import RemoteError
from calscim.planner.roles import Role
from tests.calcom.conftest import API, KEY, ROOT


async def test_the_key_is_in_no_message_log_or_repr(client, calcom):
    calcom.refuse("GET", "/v2/me", 401, "UnauthorizedException", "Invalid API Key")

    with structlog.testing.capture_logs() as logged, pytest.raises(RemoteError) as caught:
        await client.me()

    assert KEY not in f"{caught.value} {caught.value!r} {client!r} {vars(client)!r} {logged}"


async def test_every_call_is_one_line_in_the_log(client, calcom):
    calcom.refuse("PATCH", f"{ROOT}/memberships/5", 404, "NotFoundException", "gone")

    with structlog.testing.capture_logs() as logged, pytest.raises(RemoteError):
        await client.change_membership(await client.acquire_permit("okta-9"), 5, Role.ADMIN)

    assert logged == [
        {
            "event": "calcom.request",
            "log_level": "debug",
            "organization": "acme",
            "method": "PATCH",
            "path": f"{ROOT}/memberships/5",
            "status": "404",
            "seconds": 0.0,
            "request_id": "okta-9",
        }
    ]


async def test_a_request_id_stays_one_header_line(client, calcom):
    calcom.answer("DELETE", f"{ROOT}/memberships/5", {})

    await client.end_membership(await client.acquire_permit("a\r\nX-Evil: 1\u00e9"), 5)

    assert calcom.sent[0].headers["X-Request-Id"] == "a__X-Evil: 1_"


async def test_calls_are_counted_for_prometheus(session, calcom, clock):
    registry = CollectorRegistry()
    client = Client(
        Transport(
            session,
            organization="acme",
            api_url=API,
            api_key=KEY,
            budget=Budget(120),
            clock=clock,
            timeout=5,
            metrics=Metrics(registry),
        ),
        7,
    )
    calcom.answer("GET", "/v2/me", {"id": 5, "email": "b@acme.example"})
    calcom.answer("GET", "/v2/me", exception=TimeoutError())

    await client.me()
    with pytest.raises(RemoteError):
        await client.me()

    def count(status: str) -> float | None:
        labels = {"organization": "acme", "method": "GET", "status": status}
        return registry.get_sample_value("calscim_calcom_requests_total", labels)

    acme = {"organization": "acme"}
    assert (count("200"), count("none")) == (1, 1)
    assert registry.get_sample_value("calscim_ratelimit_remaining", acme) == 118
    assert registry.get_sample_value("calscim_calcom_request_seconds_count", acme) == 2


async def test_the_budget_in_the_metrics_is_full_again_when_its_window_has_ended(
    session, calcom, clock
):
    registry = CollectorRegistry()
    client = Client(
        Transport(
            session,
            organization="acme",
            api_url=API,
            api_key=KEY,
            budget=Budget(120),
            clock=clock,
            timeout=5,
            metrics=Metrics(registry),
        ),
        7,
    )
    calcom.answer("GET", "/v2/me", {"id": 5, "email": "b@acme.example"})
    await client.me()

    await clock.sleep(61)

    acme = {"organization": "acme"}
    assert registry.get_sample_value("calscim_ratelimit_remaining", acme) == 120
