"""GET /v1/events: pages, who may read, what is wrong with a request, and waiting for the next event."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, UnixConnector, web
from aiohttp.test_utils import TestClient, TestServer

from calscim import admin
from calscim.app.events.api import EventsApi
from calscim.clock import SystemClock
from calscim.journal.feed import read
from tests.support.acme import BOB, EDITOR
from tests.support.feed import checked


@asynccontextmanager
async def serving(db, keep=None):
    application = web.Application()
    EventsApi(db, SystemClock(), keep).add_to(application)
    async with TestClient(TestServer(application)) as client:
        yield client


@pytest.fixture
async def client(db):
    async with serving(db) as client:
        yield client


async def get(client, query="", **headers):
    async with client.get(f"/v1/events{query}", headers=headers) as answer:
        return answer.status, json.loads(await answer.read())


async def test_pages_follow_each_other_until_the_end(client, acme):
    found, after = [], 0
    while True:
        status, page = await get(client, f"?after={after}&limit=2")
        assert status == 200
        if not page["events"]:
            break
        assert len(page["events"]) <= 2
        found += [checked(event) for event in page["events"]]
        assert page["next"] == found[-1]["seq"]
        after = page["next"]

    assert (await get(client))[1]["events"] == found
    assert len(found) == 7
    assert page == {"events": [], "next": after}


async def test_a_position_past_the_end_has_no_events(client, acme):
    assert await get(client, "?after=999999") == (200, {"events": [], "next": 999999})


async def test_an_empty_journal_has_no_events(client):
    assert await get(client) == (200, {"events": [], "next": 0})


async def test_a_change_is_in_the_next_answer(client, acme):
    _, page = await get(client)
    await acme.put(acme.bob, BOB, title="Boss")

    _, page = await get(client, f"?after={page['next']}")

    assert [event["data"]["changed"] for event in page["events"]] == [["title"]]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("after=-1", "after=-1 is not possible: write the `next` of the page before, or 0"),
        ("after=x", "after=x is not possible"),
        ("after=", "after= is not possible"),
        ("after=1.5", "after=1.5 is not possible"),
        ("after=%D9%A1", "is not possible"),
        (f"after={2**63}", "is not possible"),
        ("limit=x", "limit=x is not possible: write a number from 1 to 1000"),
        ("limit=0", "write a number from 1 to 1000"),
        ("limit=1001", "write a number from 1 to 1000"),
        ("wait=61", "write seconds from 0 to 60"),
        ("since=1", "there is no parameter 'since': write after, limit, wait"),
        ("After=1", "there is no parameter 'After'"),
        ("after=1&after=2", "after is given several times: send it once"),
    ],
)
async def test_a_wrong_parameter_is_explained(client, query, says):
    async with client.get(f"/v1/events?{query}") as answer:
        problem = json.loads(await answer.read())
        assert answer.content_type == "application/problem+json"

    assert (answer.status, problem["status"], problem["title"]) == (400, 400, "Bad Request")
    assert says in problem["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
        {"Via": "1.1 proxy"},
        {"Host": "calscim.example.com"},
        {"Host": "evil.example:8086"},
        {"Host": "127.0.0.1.evil.example"},
    ],
)
async def test_a_client_behind_a_proxy_needs_a_token(client, db, acme, headers):
    status, problem = await get(client, **headers)
    assert status == 401
    assert "calscim token create --events" in problem["detail"]

    _, token = await admin.create_events_token(db, EDITOR, "acme", name="siem")
    status, page = await get(client, Authorization=f"Bearer {token}", **headers)
    assert (status, len(page["events"])) == (200, 8)


@pytest.mark.parametrize(
    "host", ["localhost:8086", "LOCALHOST", "127.0.0.1", "127.0.0.2:1", "[::1]:8086"]
)
async def test_a_program_on_this_machine_needs_no_token(client, acme, host):
    assert (await get(client, Host=host))[0] == 200


async def test_a_client_of_a_unix_socket_needs_no_token(db, acme, tmp_path):
    application = web.Application()
    EventsApi(db, SystemClock(), None).add_to(application)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "ops")).start()
    async with ClientSession(connector=UnixConnector(str(tmp_path / "ops"))) as session:
        async with session.get("http://calscim/v1/events") as answer:
            assert len((await answer.json())["events"]) == 7
        async with session.get("http://x/v1/events", headers={"X-Forwarded-For": "::1"}) as answer:
            assert answer.status == 401
    await runner.cleanup()


async def test_a_token_of_a_directory_cannot_read_events(client, db, okta):
    _, token = await admin.create_token(db, EDITOR, okta, name="scim")

    status, problem = await get(client, Authorization=f"Bearer {token}")

    assert status == 403
    assert "belongs to a directory" in problem["detail"]


async def test_a_revoked_and_an_expired_token_are_refused(client, db, owner):
    made, token = await admin.create_events_token(db, EDITOR, "acme", name="siem")
    assert (await get(client, Authorization=f"Bearer {token}"))[0] == 200
    await admin.revoke_token(db, EDITOR, made)
    assert (await get(client, Authorization=f"Bearer {token}"))[0] == 401

    made, token = await admin.create_events_token(db, EDITOR, "acme", name="siem", seconds=60)
    await owner.execute("UPDATE calscim.tokens SET expires_at = now() WHERE id = $1", made.id)
    assert (await get(client, Authorization=f"Bearer {token}"))[0] == 401


async def test_a_token_reads_only_its_organization(client, db, acme):
    await admin.create_directory(
        db, EDITOR, organization="globex", name="Entra", provider="azure-scim-v2"
    )
    _, token = await admin.create_events_token(db, EDITOR, "globex", name="siem")

    _, page = await get(client, Authorization=f"Bearer {token}")

    assert {event["organization"] for event in page["events"]} == {"globex"}
    assert [event["type"] for event in page["events"]] == [
        "admin.directory.create",
        "admin.token.create",
    ]


async def test_the_use_of_a_token_is_recorded(client, db):
    made, token = await admin.create_events_token(db, EDITOR, "acme", name="siem")
    await get(client, Authorization=f"Bearer {token}")

    (known,) = await admin.tokens(db)
    assert (known.id, known.directory, known.organization) == (made.id, None, "acme")
    assert known.last_used_at is not None


async def test_many_wrong_tokens_are_slowed_down(client):
    for _ in range(30):
        assert (await get(client, Authorization="Bearer wrong"))[0] == 401

    status, problem = await get(client, Authorization="Bearer wrong")

    assert status == 429
    assert "too many failed attempts" in problem["detail"]


async def test_a_waiting_client_is_answered_with_the_next_event(client, acme):
    _, page = await get(client)
    waiting = asyncio.create_task(get(client, f"?after={page['next']}&wait=30"))
    await acme.put(acme.bob, BOB, title="Boss")

    _, page = await asyncio.wait_for(waiting, 10)

    assert [event["type"] for event in page["events"]] == ["user.updated"]


async def test_a_waiting_client_gets_an_empty_page_in_the_end(client):
    assert await get(client, "?wait=1") == (200, {"events": [], "next": 0})


async def test_waiting_clients_do_not_delay_the_end_of_the_daemon(db):
    async with serving(db) as client:
        waiting = asyncio.create_task(get(client, "?wait=60"))
        assert await get(client) == (200, {"events": [], "next": 0})
        await client.server.app.shutdown()
        assert (await asyncio.wait_for(waiting, 10))[0] == 200


async def test_a_consumer_that_is_too_far_behind_is_told_to_start_anew(client, db, acme):
    await read.page(db, 0, 100)
    await read.delete_old(db, 0)
    await acme.put(acme.bob, BOB, title="Boss")

    status, problem = await get(client, "?after=3")
    assert status == 410
    assert "continue with after=7" in problem["detail"]
    for query in ("?after=7", "?after=0", ""):
        status, page = await get(client, query)
        assert [event["seq"] for event in page["events"]] == [8]


async def test_events_older_than_the_configured_time_are_not_made(db, acme, age):
    await age("2020-09-10T10:00:00+00:00")
    await acme.put(acme.bob, BOB, title="Boss")

    async with serving(db, keep=86400.0) as client:
        _, page = await get(client)

    assert [event["type"] for event in page["events"]] == ["user.updated"]


async def test_an_unreachable_database_is_said(client, db, owner):
    await owner.execute("DROP TABLE calscim.event_offsets")

    status, problem = await get(client)

    assert status == 503
    assert "cannot be read at the moment" in problem["detail"]
