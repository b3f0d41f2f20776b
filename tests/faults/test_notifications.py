"""The real daemon notifies a channel of conditions and of their end."""

import asyncpg
import pytest

from calscim.testing.calcom.calcom import Fault
from calscim.testing.okta.client import Okta
from tests.support.deployment import deployed
from tests.support.receivers import SECRET
from tests.support.waiting import until

PEOPLE = [f"{name}@acme.example" for name in ("ann", "bob", "cem", "dan", "eve")]


@pytest.fixture
async def site(database, tmp_path, receiver):
    async with deployed(tmp_path, database.dsn, database.dsn, interval="1s") as made:
        text = made.configuration.read_text()
        made.configuration.write_text(
            text.replace('max_removals_per_team = "100%"', 'max_removals_per_team = "30%"')
            + f"""
            [[notify]]
            name = "hook"
            webhook = "{receiver.url}"
            secret = "{SECRET}"
            unreachable_after = "0s"
            parked_after = "0s"
            """
        )
        yield made


async def pushed(site, session):
    daemon = await site.start()
    okta = Okta(session, site.base_url(daemon), site.token)
    for email in PEOPLE:
        await okta.assign(email, "Given", "Family")
    await okta.push_group("Engineering", PEOPLE)
    await until(lambda: set(PEOPLE) <= site.teams()["Engineering"], 20)
    return okta


async def test_a_hold_and_its_end_reach_the_channel_of_a_real_daemon(site, session, receiver):
    okta = await pushed(site, session)

    await okta.push_now("Engineering", [])
    created = await receiver.received("hold.created")

    data = created["data"]
    assert data["organization"] == "acme"
    assert data["people"] == PEOPLE
    assert f"calscim approve {data['hash']}" in data["then"]

    await site.calscim("approve", data["hash"])
    resolved = await receiver.received("hold.resolved")
    assert resolved["data"]["hash"] == data["hash"]
    assert receiver.types == ["hold.created", "hold.resolved"]


async def test_an_outage_of_cal_com_and_its_end_reach_the_channel(site, session, receiver):
    await pushed(site, session)

    site.simulation.faults = [Fault(status=503, times=-1)]
    assert (await receiver.received("calcom.unreachable"))["data"]["organization"] == "acme"

    site.simulation.faults = []
    await receiver.received("calcom.recovered")


async def test_two_daemons_send_one_message(site, session, receiver):
    okta = await pushed(site, session)
    await site.start()

    await okta.push_now("Engineering", [])
    hash_ = (await receiver.received("hold.created"))["data"]["hash"]
    await site.calscim("approve", hash_)
    await receiver.received("hold.resolved")

    assert receiver.types == ["hold.created", "hold.resolved"]


async def test_an_undelivered_message_survives_a_killed_daemon(site, session, receiver):
    okta = await pushed(site, session)
    receiver.status = 503
    await okta.push_now("Engineering", [])
    await receiver.received("hold.created")
    await site.daemons[0].kill()

    receiver.requests.clear()
    receiver.status = 204
    connection = await asyncpg.connect(site.direct)
    await connection.execute(
        "UPDATE calscim.notifications SET next_try = now(), claimed_until = NULL"
    )
    await connection.close()
    await site.start()

    await receiver.received("hold.created")


async def test_a_receiver_that_hangs_does_not_delay_the_synchronization(site, session, receiver):
    okta = await pushed(site, session)
    receiver.open.clear()
    await okta.push_now("Engineering", [])

    await okta.assign("fay@acme.example", "Fay", "Example")

    await until(lambda: "fay@acme.example" in site.world.snapshot()["people"], 20)
    assert receiver.requests == []


async def test_the_test_command_reports_whether_the_receiver_accepted_the_message(site, receiver):
    assert "accepted the test message" in await site.calscim("notify", "test", "hook")
    assert receiver.types == ["test"]

    receiver.status = 500
    with pytest.raises(RuntimeError, match="answered 500"):
        await site.calscim("notify", "test", "hook")
    with pytest.raises(RuntimeError, match="no channel pager"):
        await site.calscim("notify", "test", "pager")
