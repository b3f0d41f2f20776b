"""A real daemon sends its spans to a collector, as the standard variables say."""

import aiohttp
import pytest

from calscim.testing.okta.client import Okta
from tests.support.collector import collecting
from tests.support.deployment import deployed
from tests.support.waiting import until

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
async def collector():
    async with collecting() as made:
        yield made


@pytest.fixture
async def session():
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    async with aiohttp.ClientSession(headers=headers) as made:
        yield made


@pytest.fixture
async def site(database, tmp_path, collector):
    async with deployed(tmp_path, database.dsn, database.dsn) as made:
        made.variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        }
        yield made


async def pushed(site, session, daemon):
    okta = Okta(session, site.base_url(daemon), site.token)
    await okta.assign("ann@acme.example", "Ann", "Example")
    await until(lambda: "ann@acme.example" in site.world.snapshot()["people"], 20)
    return okta


async def test_the_trace_of_a_push_reaches_the_collector(site, session, collector):
    daemon = await site.start()
    await pushed(site, session, daemon)

    await until(lambda: collector.named("reconcile.action"), 20)
    await daemon.terminate()

    found = {
        span.name: span
        for span in collector.spans
        if span.trace_id.hex() == TRACE and "GET" not in span.name
    }
    assert set(found) == {
        "POST /scim/v2/{directory}/Users",
        "journal.append",
        "reconcile.action",
        "POST Cal.com",
    }
    assert collector.named("reconcile.pass")
    assert collector.resource["service.name"] == "calscim"
    assert collector.resource["deployment.environment.name"] == "test"
    assert collector.resource["service.version"]
    written = [line for line in daemon.lines() if line.get("trace_id") == TRACE]
    assert {"scim.request", "reconcile.action"} <= {line["event"] for line in written}
    (started,) = daemon.events("tracing.started")
    assert started["endpoint"] == collector.url
    assert [call.traceparent for call in site.simulation.writes] == [""]


async def test_the_trace_goes_to_calcom_only_if_the_configuration_says_so(site, session, collector):
    text = site.configuration.read_text()
    site.configuration.write_text(
        text.replace(
            "requests_per_minute", "send_traceparent = true\n            requests_per_minute"
        )
    )
    daemon = await site.start()

    await pushed(site, session, daemon)

    (call,) = site.simulation.writes
    assert call.traceparent.split("-")[1] == TRACE


async def test_an_outage_of_the_collector_is_logged_once(site, session, collector):
    collector.status = 400
    daemon = await site.start()
    okta = await pushed(site, session, daemon)
    await until(lambda: daemon.events("tracing.export_failed"), 20)
    for name in ("bob", "cem"):
        await okta.assign(f"{name}@acme.example", name, "Example")

    collector.status = 200
    for name in ("dan", "eve"):
        await okta.assign(f"{name}@acme.example", name, "Example")
    await until(lambda: daemon.events("tracing.export_recovered"), 20)

    assert len(daemon.events("tracing.export_failed")) == 1
    assert daemon.events("tracing.export_recovered")[0]["lost"] > 0
    assert not [line for line in daemon.lines() if "opentelemetry" in str(line.get("logger"))]


async def test_without_the_extra_the_daemon_starts_and_says_what_to_install(site, tmp_path):
    package = tmp_path / "hidden" / "opentelemetry"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    inherited = site.environment.get("PYTHONPATH")
    site.source = f"{package.parent}:{inherited}" if inherited else str(package.parent)

    daemon = await site.start()

    (line,) = daemon.events("tracing.unavailable")
    assert "pip install 'calscim[otel]'" in line["detail"]
