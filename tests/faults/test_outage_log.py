"""An outage of the database or of Cal.com is one line at its start and one at its end, not a line per request or pass."""

from collections import Counter

import aiohttp
import pytest

from calscim.testing.calcom.calcom import Fault
from calscim.testing.okta.client import Okta
from tests.support.deployment import answers, deployed
from tests.support.waiting import until

REQUESTS = 30
CANONICAL = {"scim.request"}  # one line for each request is its purpose


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
async def site(database, proxied, tmp_path):
    async with deployed(tmp_path, proxied, database.dsn, interval="1s") as made:
        yield made


def repeated(daemon, known=0):
    """Return the events after the first ``known`` lines that the log has more than once.

    Passes that could read everything do not count: they belong to the times before and after the outage.
    """
    found = Counter(
        (line["event"], line.get("organization"), line.get("reason"))
        for line in daemon.lines()[known:]
        if line["event"] not in CANONICAL and not line.get("complete")
    )
    return {what: count for what, count in found.items() if count > 1}


async def test_an_outage_of_the_database_is_logged_once_with_host_and_port(site, session, proxy):
    daemon = await site.start()
    await proxy.refuse()

    for _ in range(REQUESTS):
        headers = {"Authorization": f"Bearer {site.token}"}
        async with session.get(f"{site.base_url(daemon)}/Users", headers=headers) as response:
            assert response.status == 503
    await until(lambda: daemon.events("database.unreachable"))
    await proxy.heal()
    await until(lambda: daemon.events("database.recovered"))

    (begun,) = daemon.events("database.unreachable")
    (ended,) = daemon.events("database.recovered")
    assert (begun["host"], begun["port"], begun["level"]) == ("127.0.0.1", proxy.port, "error")
    assert (ended["host"], ended["port"]) == ("127.0.0.1", proxy.port)
    assert 0 < ended["seconds"] < 60
    refused = [line for line in daemon.events("scim.request") if line["status"] == 503]
    assert len(refused) == REQUESTS
    assert all("the database is not available" in line["reason"] for line in refused)
    assert repeated(daemon) == {}
    assert await answers(session, f"{daemon.ops}/readyz") == 200


@pytest.mark.parametrize("fault", [{"status": 503}, {"kind": "drop"}])
async def test_an_outage_of_calcom_is_logged_once(site, session, fault):
    daemon = await site.start()
    okta = Okta(session, site.base_url(daemon), site.token)
    await okta.assign("bob@acme.example", "Bob", "Example")
    await until(lambda: daemon.events("reconcile.pass"), 20)
    known = len(daemon.lines())

    site.simulation.faults = [Fault(times=-1, **fault)]
    await okta.assign("ann@acme.example", "Ann", "Example")
    calls = site.simulation.calls
    await until(lambda: calls["GET /v2/me"] >= 4, 30)  # the first pass and three more tries
    site.simulation.faults = []
    await until(lambda: daemon.events("reconcile.recovered"), 60)

    assert len(daemon.events("reconcile.unreachable")) == 1
    assert repeated(daemon, known) == {}


async def test_passes_that_cannot_read_the_same_lists_are_logged_once(site, session):
    daemon = await site.start()
    await until(lambda: daemon.events("reconcile.pass"), 20)
    known = len(daemon.lines())

    site.simulation.faults = [Fault(times=-1, status=503, path="/memberships")]
    calls = site.simulation.calls
    before = calls["GET /v2/organizations/#/memberships"]
    await until(lambda: calls["GET /v2/organizations/#/memberships"] >= before + 4, 30)

    assert repeated(daemon, known) == {}
