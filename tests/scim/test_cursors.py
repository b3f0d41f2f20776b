"""Cursors (RFC 9865): each resource appears once despite other changes, and a cursor is valid for its own list only."""

import base64
import datetime as dt
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import quote

import asyncpg
import pytest
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from prometheus_client import CollectorRegistry

from calscim import admin
from calscim.clock import SystemClock
from calscim.config import Scim
from calscim.directory.keyset_pages import Listing, Place, read_page
from calscim.directory.resources import Reader
from calscim.errors import ScimError
from calscim.postgres.pool import Database
from calscim.scim.metrics import Metrics
from calscim.scim.paging.cursor_token import decrypt_cursor, encrypt_cursor
from calscim.scim.server import app
from tests.scim.conftest import EDITOR


async def page(provider, query, cursor="", where="/Users"):
    answer = await provider("GET", f"{where}?cursor={quote(cursor)}&{query}")
    assert answer.status == 200, answer
    return answer.body


async def pages(provider, query, where="/Users"):
    """Return all pages, from the first to the last."""
    found = [await page(provider, query, where=where)]
    while "nextCursor" in found[-1]:
        found.append(await page(provider, query, found[-1]["nextCursor"], where))
    return found


async def pages_back(provider, query, last, where="/Users"):
    """Return the pages before a page, in the order of the list."""
    found = [last]
    while "previousCursor" in found[0]:
        found.insert(0, await page(provider, query, found[0]["previousCursor"], where))
    return found[:-1]


def names(*found):
    return [
        one.get("userName") or one["displayName"] for shown in found for one in shown["Resources"]
    ]


async def refusal(provider, path):
    answer = await provider("GET", path)
    return answer.status, answer.body.get("scimType")


@asynccontextmanager
async def another_daemon(provider, dsn, clock=None, settings=None):
    db = await Database.open(dsn, size=2)
    application = app(db, settings or Scim(), clock or SystemClock(), Metrics(CollectorRegistry()))
    server = TestServer(application)
    await server.start_server()
    yield replace(provider, base=str(server.make_url(f"/scim/v2/{provider.directory.id}")))
    await server.close()
    await db.close()


@pytest.fixture
async def people(provider):
    """Eleven users. Several share a nickname, some have none, and every other user is active."""
    nicknames = ["bo", None, "Al", "bo", "ça", "al", None, "BO", "cy", None, "al"]
    for number, nickname in enumerate(nicknames):
        more = {} if nickname is None else {"nickName": nickname}
        await provider.user(f"p{number:02}@acme.com", active=number % 2 == 0, **more)
    return [f"p{number:02}@acme.com" for number in range(len(nicknames))]


# ------------------------------------------------------------------ each resource once


@pytest.mark.parametrize("count", [1, 4, 10, 11, 12])
async def test_the_pages_show_each_user_once_in_the_order_of_creation(provider, people, count):
    found = await pages(provider, f"count={count}")

    assert names(*found) == people
    assert [one["totalResults"] for one in found] == [11] * len(found)
    assert [one["itemsPerPage"] for one in found[:-1]] == [count] * (len(found) - 1)
    assert "startIndex" not in found[0] and "previousCursor" not in found[0]


@pytest.mark.parametrize("order", ["ascending", "descending"])
@pytest.mark.parametrize(
    "by", ["nickName", "userName", "active", "meta.created", "emails", "name.familyName"]
)
async def test_sorted_pages_follow_each_other_as_by_index_there_and_back(
    provider, people, by, order
):
    query = f"sortBy={by}&sortOrder={order}"
    by_index = names((await provider("GET", f"/Users?{query}")).body)

    there = await pages(provider, f"{query}&count=3")
    back = await pages_back(provider, f"{query}&count=3", there[-1])

    assert names(*there) == by_index
    assert [names(one) for one in back] == [names(one) for one in there[:-1]]


async def test_a_filter_holds_on_every_page(provider, people):
    query = f"count=2&filter={quote('active eq true')}"

    found = await pages(provider, query)

    assert names(*found) == people[::2]
    assert {one["totalResults"] for one in found} == {6}


@pytest.mark.parametrize("order", ["", "&sortBy=userName", "&sortBy=nickName"])
async def test_no_user_appears_twice_or_is_missing_when_others_are_created_and_deleted(
    provider, people, order
):
    query = f"count=4{order}"
    undisturbed = names(*await pages(provider, query))
    first = await page(provider, query)

    for gone in (first["Resources"][-1], first["Resources"][0]):
        assert (await provider("DELETE", f"/Users/{gone['id']}")).status == 204
    await provider.user("a-first@acme.com", nickName="aa")
    second = await page(provider, query, first["nextCursor"])
    before = await page(provider, query, second["previousCursor"])

    assert names(second) == undisturbed[4:8]
    come = ["a-first@acme.com"] if order else []
    assert names(before) == [*come, *undisturbed[1:3]]


async def test_an_empty_directory_and_a_count_of_none_have_no_cursor(provider):
    assert await page(provider, "count=5") | {"schemas": 0} == {
        "schemas": 0,
        "totalResults": 0,
        "itemsPerPage": 0,
        "Resources": [],
    }
    await provider.user("ann@acme.com")

    shown = await page(provider, "count=0")

    assert (shown["totalResults"], shown["Resources"]) == (1, [])
    assert "nextCursor" not in shown


async def test_the_pages_of_the_root_show_users_then_groups_in_both_directions(provider, people):
    for name in ("Sales", "Staff", "Berlin"):
        await provider.group(name)

    for count in (1, 4, 11, 13, 14):
        there = await pages(provider, f"count={count}", where="/")
        back = await pages_back(provider, f"count={count}", there[-1], where="/")

        assert names(*there) == [*people, "Sales", "Staff", "Berlin"]
        assert {one["totalResults"] for one in there} == {14}
        assert [names(one) for one in back] == [names(one) for one in there[:-1]]


async def test_a_filter_that_only_users_can_have_finds_no_groups_at_the_root(provider, people):
    await provider.group("Sales")

    found = await pages(provider, f"count=4&filter={quote('active eq false')}", where="/")

    assert names(*found) == people[1::2]


async def test_the_bare_word_asks_for_the_first_page_and_null_for_none(provider, people):
    bare = (await provider("GET", "/Users?cursor&count=3")).body
    null = (await provider("POST", "/Users/.search", {"cursor": None, "count": 3})).body

    assert names(bare) == names(null) == people[:3]
    assert "nextCursor" in bare
    assert "nextCursor" not in null
    assert null["startIndex"] == 1


async def test_a_search_by_body_takes_cursors(provider, people):
    for path in ("/Users/.search", "/.search"):
        first = await provider("POST", path, {"cursor": "", "count": 8})
        second = await provider(
            "POST", path, {"cursor": first.body["nextCursor"], "count": 8, "filter": None}
        )

        assert names(first.body, second.body) == people


async def test_groups_are_paged_without_their_members(provider):
    user = await provider.user("ann@acme.com")
    for name in ("Sales", "Staff", "Berlin"):
        await provider.group(name, user)

    found = await pages(provider, "count=2&excludedAttributes=members", where="/Groups")

    assert names(*found) == ["Sales", "Staff", "Berlin"]
    assert not any("members" in one for shown in found for one in shown["Resources"])
    full = await page(provider, "count=2", where="/Groups")
    assert full["Resources"][0]["members"][0]["value"] == user


async def test_values_longer_than_a_url_can_be_sorted_by(provider):
    for number in range(4):
        await provider.user(f"p{number}@acme.com", title="é" * 5000 + str(number))

    found = await pages(provider, "count=1&sortBy=title")

    assert names(*found) == [f"p{number}@acme.com" for number in range(4)]
    assert all(len(one.get("nextCursor", "")) < 2000 for one in found)


# ------------------------------------------------------------------ valid for its own list only


async def test_a_page_by_index_has_no_cursors(provider, people):
    shown = (await provider("GET", "/Users?count=2")).body

    assert shown["startIndex"] == 1
    assert "nextCursor" not in shown


async def test_the_announced_pagination_is_the_actual_one(provider):
    config = (await provider("GET", "/ServiceProviderConfig")).body

    assert config["pagination"] == {
        "cursor": True,
        "index": True,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 100,
        "maxPageSize": 1000,
        "cursorTimeout": 3600,
    }


async def test_the_pagination_is_not_announced_if_the_configuration_says_so(provider, database):
    settings = Scim(announce_cursors=False)

    async with another_daemon(provider, database.dsn, settings=settings) as daemon:
        config = (await daemon("GET", "/ServiceProviderConfig")).body
        page = (await daemon("GET", "/Users?cursor=")).body

    assert "pagination" not in config
    assert page["totalResults"] == 0


async def test_a_cursor_is_refused_for_another_list_and_another_count(provider, people):
    cursor = quote((await page(provider, "count=4"))["nextCursor"])

    for other in (
        f"/Users?count=4&cursor={cursor}&filter={quote('active eq true')}",
        f"/Users?count=4&cursor={cursor}&sortBy=userName",
        f"/Groups?count=4&cursor={cursor}",
        f"/?count=4&cursor={cursor}",
        f"/Users?count=4&cursor={cursor[:-2]}AA",
        f"/Users?count=4&cursor={cursor}A",
        "/Users?count=4&cursor=1",
        "/Users?count=4&cursor=%20",
        "/Users?count=4&cursor=%C3%A9",
        f"/Users?count=4&cursor={'A' * 9000}",
    ):
        assert await refusal(provider, other) == (400, "invalidCursor"), other
    assert await refusal(provider, f"/Users?count=5&cursor={cursor}") == (400, "invalidCount")
    both = f"/Users?count=4&cursor={cursor}&startIndex=5"
    assert await refusal(provider, both) == (400, "invalidValue")


async def test_a_cursor_does_not_cross_directories(provider, people):
    other = await admin.create_directory(
        provider.db, EDITOR, organization="acme", name="Entra", provider="azure-scim-v2"
    )
    _, token = await admin.create_token(provider.db, EDITOR, other, name="test")
    base = provider.base.replace(provider.directory.id, other.id)
    stranger = replace(provider, base=base, token=token, directory=other)
    for number in range(5):
        await stranger.user(f"s{number}@acme.com")

    cursor = (await page(provider, "count=2"))["nextCursor"]

    assert await refusal(stranger, f"/Users?count=2&cursor={quote(cursor)}") == (
        400,
        "invalidCursor",
    )


async def test_another_daemon_accepts_a_cursor_and_a_daemon_with_a_later_clock_refuses_it(
    provider, people, database
):
    class Later(SystemClock):
        def now(self):
            return super().now() + dt.timedelta(hours=2)

    first = await page(provider, "count=6")

    async with another_daemon(provider, database.dsn) as other:
        assert names(await page(other, "count=6", first["nextCursor"])) == people[6:]
    async with another_daemon(provider, database.dsn, Later()) as other:
        path = f"/Users?count=6&cursor={quote(first['nextCursor'])}"
        assert await refusal(other, path) == (400, "expiredCursor")


async def test_a_cursor_stays_valid_after_changes_of_tokens(provider, people):
    first = await page(provider, "count=6")

    _, token = await admin.create_token(provider.db, EDITOR, provider.directory, name="new")

    assert names(await page(replace(provider, token=token), "count=6", first["nextCursor"]))


async def test_a_cursor_does_not_reveal_the_address_of_a_person(provider, people):
    cursor = (await page(provider, "count=1&sortBy=userName"))["nextCursor"]

    assert b"acme" not in base64.urlsafe_b64decode(cursor + "==")


def test_every_bit_of_a_cursor_counts():
    cipher = AESSIV(bytes(32))
    token = encrypt_cursor(cipher, "query", 10, ["User", True, 7, "ann"], 1000.5)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))

    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ScimError, match="does not belong to this list"):
            decrypt_cursor(cipher, base64.urlsafe_b64encode(changed).decode(), "query", 10, 1001)

    assert decrypt_cursor(cipher, token, "query", 10, 4600) == ["User", True, 7, "ann"]
    with pytest.raises(ScimError, match="older"):
        decrypt_cursor(cipher, token, "query", 10, 4602)


@pytest.mark.parametrize("cursor", ["A", "AAAA", "A" * 22, "A" * 20_000, "not base64!", "\ud800"])
def test_text_that_is_not_a_cursor_is_an_invalid_cursor(cursor):
    with pytest.raises(ScimError) as refused:
        decrypt_cursor(AESSIV(bytes(32)), cursor, "query", 10, 1001)

    assert refused.value.scim_type == "invalidCursor"


# ------------------------------------------------------------------ deep pages


async def test_a_deep_page_is_found_by_index(provider, database):
    """The number of rows read does not depend on where a page begins."""
    await provider.db.execute(
        "INSERT INTO calscim.users (id, directory_id, user_name, user_name_key, active, managed, "
        "source, data, changed_seq, created_at, updated_at) "
        "SELECT gen_random_uuid(), $1, n::text, n::text, true, true, 'provider', '{}', 1, now(), now() "
        "FROM generate_series(1, 20000) n",
        provider.directory.id,
    )
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("ANALYZE calscim.users")
    await owner.close()
    token = await provider.db.fetchval("SELECT max(id) FROM calscim.tokens")
    reader = Reader(token, provider.directory.id, "")

    class Explaining:
        async def fetchrow(self, text, *arguments):
            plan = await provider.db.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", *arguments)
            read.update(rows_read(json.loads(plan)[0]["Plan"]))
            return dict.fromkeys(("total", "ordinals", "keys", "bodies")) | {
                "allowed": True,
                "more": False,
            }

    def rows_read(node):
        if node.get("Relation Name") == "users":
            yield node.get("Index Name", "all of it"), node["Actual Rows"] * node["Actual Loops"]
        for part in node.get("Plans", ()):
            yield from rows_read(part)

    middle = await provider.db.fetchval(
        "SELECT min(ordinal) + 10000 FROM calscim.users WHERE directory_id = $1",
        provider.directory.id,
    )
    for forward in (True, False):
        read = {}

        await read_page(
            Explaining(), "users", reader, Listing(), 100, place=Place(middle), forward=forward
        )

        assert read == {"users_ordinal": 101, "users_pkey": 100}
