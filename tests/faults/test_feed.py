"""The change feed of real daemons: over HTTP and by webhook, through a kill and a stop."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from calscim.testing.okta.client import Okta
from tests.support.deployment import deployed
from tests.support.feed import checked
from tests.support.receivers import SECRET
from tests.support.waiting import until

PEOPLE = [f"{name}@acme.example" for name in ("ann", "bob", "cem", "dan", "eve")]


@pytest.fixture
async def site(database, tmp_path, receiver):
    async with deployed(tmp_path, database.dsn, database.dsn, interval="1s") as made:
        made.configuration.write_text(
            f'{made.configuration.read_text()}\n[[notify]]\nname = "hook"\n'
            f'webhook = "{receiver.url}"\nsecret = "{SECRET}"\nfeed = true\n'
        )
        yield made


async def feed(session, daemon) -> list[dict]:
    """Return all events of a daemon, in pages of three."""
    found, after = [], 0
    while True:
        async with session.get(f"{daemon.ops}/v1/events?after={after}&limit=3") as answer:
            page = await answer.json()
        if not page["events"]:
            return found
        found += [checked(event) for event in page["events"]]
        after = page["next"]


async def begun(owner) -> None:
    await until(lambda: owner.fetchval("SELECT count(*) FROM calscim.event_deliveries"))


async def push(site, session, daemon, people) -> Okta:
    okta = Okta(session, site.base_url(daemon), site.token)
    for email in people:
        await okta.assign(email, "Given", "Family")
    return okta


async def test_what_okta_pushes_and_calscim_does_is_in_the_feed_of_every_daemon(
    site, session, receiver, owner
):
    first, second = await site.start(), await site.start()
    await begun(owner)
    okta = await push(site, session, first, PEOPLE)
    await okta.push_group("Engineering", PEOPLE)
    await until(lambda: set(PEOPLE) <= site.teams()["Engineering"], 20)

    events = await feed(session, first)

    assert await feed(session, second) == events
    counts = dict.fromkeys(("user.created", "membership.added", "calcom.action"), 0)
    for event in events:
        counts[event["type"]] = counts.get(event["type"], 0) + 1
    assert counts["membership.added"] == len(PEOPLE)
    assert counts["user.created"] >= len(PEOPLE)
    assert counts["calcom.action"] >= 2 * len(PEOPLE)
    done = [event["data"]["email"] for event in events if event["type"] == "calcom.action"]
    assert set(PEOPLE) <= set(done)

    ids = [event["id"] for event in events]
    await until(lambda: {name for name, _ in receiver.requests} >= set(ids[-20:]), 20)
    received = [name for name, _ in receiver.requests]
    assert received == ids[-len(received) :]


async def test_a_killed_daemon_loses_no_event(site, session, receiver, owner):
    daemon = await site.start()
    await begun(owner)
    receiver.status = 503
    await push(site, session, daemon, PEOPLE)
    await receiver.received("user.created")
    await daemon.kill()
    receiver.status = 204
    await owner.execute(
        "UPDATE calscim.event_deliveries SET next_try = now(), claimed_until = NULL"
    )

    other = await site.start()

    created = [event["id"] for event in await feed(session, other)][-5:]
    await until(lambda: {name for name, _ in receiver.requests} >= set(created), 20)
    names = list(dict.fromkeys(name for name, _ in receiver.requests))
    assert [name for name in names if name in created] == created


async def test_a_waiting_client_gets_a_push_at_once_and_does_not_delay_the_stop(site, session):
    daemon = await site.start()
    last = (await feed(session, daemon))[-1]["seq"]
    loop = asyncio.get_running_loop()

    async def wait() -> list[str]:
        async with session.get(f"{daemon.ops}/v1/events?after={last}&wait=60") as answer:
            return [event["type"] for event in (await answer.json())["events"]]

    waiting = asyncio.create_task(wait())
    await push(site, session, daemon, PEOPLE[:1])
    assert "user.created" in await asyncio.wait_for(waiting, 20)

    last = (await feed(session, daemon))[-1]["seq"] + 1_000
    ops = urlsplit(daemon.ops)
    reader, writer = await asyncio.open_connection(ops.hostname, ops.port)
    writer.write(
        f"GET /v1/events?after={last}&wait=60 HTTP/1.1\r\nHost: {ops.netloc}\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n".encode()
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")  # the daemon has the request

    began = loop.time()
    assert await daemon.terminate() == 0
    assert loop.time() - began < 8
    assert json.loads((await reader.read()).rpartition(b"\r\n\r\n")[2])["events"] == []
    writer.close()
