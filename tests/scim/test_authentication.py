"""Requests are authenticated by the token of their directory."""

import pytest

from calscim import admin
from calscim.encryption import PLAIN
from tests.scim.conftest import ERROR


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic abc", "Bearer a b"])
async def test_a_wrong_or_missing_token_is_401_with_a_scim_error(provider, header):
    answer = await provider("GET", "/Users", Authorization=header or " ")

    assert answer.status == 401
    assert answer.body["schemas"] == [ERROR]
    assert answer.body["status"] == "401"
    assert answer.body["detail"]
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer")
    assert ('error="invalid_token"' in challenge) == (header == "Bearer wrong")


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER {}", "{}", "Bearer Bearer {}"])
async def test_a_pasted_token_is_accepted(provider, form):
    answer = await provider("GET", "/Users", Authorization=form.format(provider.token))

    assert answer.status == 200


async def test_a_token_is_worth_nothing_in_another_directory(provider):
    editor = admin.Editor(by="test", cipher=PLAIN)
    other = await admin.create_directory(
        provider.db, editor, organization="acme", name="Other", provider="okta-scim-v2"
    )
    _, token = await admin.create_token(provider.db, editor, other, name="t")

    answer = await provider("GET", "/Users", Authorization=f"Bearer {token}")

    assert answer.status == 401


async def test_a_revoked_token_is_refused_from_the_next_request_on(provider):
    assert (await provider("GET", "/Users")).status == 200
    [token] = await admin.tokens(provider.db, provider.directory)
    await admin.revoke_token(provider.db, admin.Editor(by="test", cipher=PLAIN), token)

    assert (await provider("GET", "/Users")).status == 401
    assert (await provider("POST", "/Users", {"userName": "ann"})).status == 401
    assert await provider.db.fetchval("SELECT count(*) FROM calscim.users") == 0


async def test_guessing_from_one_address_is_slowed_down(provider):
    statuses = []
    for _ in range(32):
        answer = await provider("GET", "/Users", Authorization="Bearer wrong")
        statuses.append(answer.status)

    assert statuses == [401] * 30 + [429] * 2
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.body["status"] == "429"
    assert (await provider("GET", "/Users")).status == 200


async def test_a_valid_token_is_accepted_after_many_failures_of_its_address(provider):
    """A daemon that does not know the token yet accepts it too."""
    editor = admin.Editor(by="test", cipher=PLAIN)
    for _ in range(40):
        await provider("GET", "/Users", Authorization="Bearer wrong")
    _, token = await admin.create_token(provider.db, editor, provider.directory, name="new")

    answer = await provider("GET", "/Users", Authorization=f"Bearer {token}")

    assert answer.status == 200
