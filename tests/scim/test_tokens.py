"""The scopes of tokens, and the records of their last uses."""

from datetime import UTC, datetime

import pytest

from calscim import admin
from calscim.directory import token_uses
from calscim.encryption import PLAIN
from calscim.scim.token_uses import TokenUses

EDITOR = admin.Editor(by="test", cipher=PLAIN)


@pytest.fixture
async def read_only(provider):
    made, token = await admin.create_token(
        provider.db, EDITOR, provider.directory, name="import", scope="read"
    )
    provider.token = token
    return made


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/Users", None),
        ("GET", "/Groups?count=0", None),
        ("HEAD", "/Users", None),
        ("GET", "/ServiceProviderConfig", None),
        ("POST", "/Users/.search", {"count": 1}),
        ("POST", "/.search/", {"count": 1}),
    ],
)
async def test_a_token_that_may_only_read_reads_and_searches(
    provider, read_only, method, path, body
):
    assert (await provider(method, path, body)).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/Users"),
        ("POST", "/Groups"),
        ("POST", "/Bulk"),
        ("PUT", "/Users/{}"),
        ("PATCH", "/Users/{}"),
        ("DELETE", "/Users/{}"),
        ("POST", "/Users?x=/.search"),
        ("OPTIONS", "/Users"),
    ],
)
async def test_a_token_that_may_only_read_changes_nothing(provider, method, path):
    user = await provider.user("ann@acme.example")
    _, provider.token = await admin.create_token(
        provider.db, EDITOR, provider.directory, name="import", scope="read"
    )

    answer = await provider(method, path.format(user), {"userName": "bob"})

    assert answer.status == 403
    assert answer.body["status"] == "403"
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert await provider.db.fetchval("SELECT count(*) FROM calscim.users") == 1
    assert (await provider("GET", f"/Users/{user}")).body["userName"] == "ann@acme.example"


async def test_a_refused_change_of_a_read_token_is_in_the_journal(provider, read_only):
    await provider("POST", "/Users", {"userName": "bob"})

    [row] = await provider.journal()
    assert (row["status"], row["token_id"]) == (403, read_only.id)


async def test_uses_are_recorded_in_one_statement_and_the_latest_remains(provider, read_only):
    earlier, later = (datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2))
    [first] = [one for one in await admin.tokens(provider.db) if one.id != read_only.id]

    await token_uses.record(provider.db, {read_only.id: later, first.id: earlier})
    await token_uses.record(provider.db, {read_only.id: earlier})

    used = {one.id: one.last_used_at for one in await admin.tokens(provider.db)}
    assert used == {read_only.id: later, first.id: earlier}


def test_uses_that_could_not_be_recorded_do_not_hide_later_ones():
    uses = TokenUses()
    earlier, later = (datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2))
    uses.note(1, earlier)
    uses.note(2, earlier)
    taken = uses.take()
    uses.note(1, later)

    uses.give_back(taken)

    assert uses.take() == {1: later, 2: earlier}
    assert uses.take() == {}
