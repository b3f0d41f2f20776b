"""Refused tokens are counted by reason, and by the directory that the token belongs to."""

from dataclasses import replace

import pytest
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from calscim import admin
from calscim.clock import SystemClock
from calscim.config import Scim
from calscim.scim.metrics import Metrics
from calscim.scim.server import app
from tests.scim.conftest import EDITOR


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
async def counted(provider, registry):
    """Yield the provider, at a server whose metrics are in the registry."""
    application = app(provider.db, Scim(), SystemClock(), Metrics(registry))
    async with TestServer(application) as server:
        yield replace(provider, base=str(server.make_url(f"/scim/v2/{provider.directory.id}")))


def refused(registry, reason, directory=""):
    labels = {"directory": directory, "reason": reason}
    return registry.get_sample_value("calscim_tokens_refused_total", labels)


async def test_a_missing_and_an_unknown_token_count_without_a_directory(counted, registry):
    assert (refused(registry, "missing"), refused(registry, "unknown")) == (0, 0)

    assert (await counted("GET", "/Users", Authorization="")).status == 401
    assert (await counted("GET", "/Users", Authorization="Bearer guess")).status == 401

    assert (refused(registry, "missing"), refused(registry, "unknown")) == (1, 1)


@pytest.mark.parametrize(
    ("column", "reason"), [("expires_at", "expired"), ("revoked_at", "revoked")]
)
async def test_a_token_that_is_no_longer_valid_counts_with_its_directory(
    counted, registry, column, reason
):
    await counted.db.execute(
        f"UPDATE calscim.tokens SET created_at = now() - interval '1 year', {column} = now() - interval '1 day'"
    )

    assert (await counted("GET", "/Users")).status == 401

    assert refused(registry, reason, counted.directory.id) == 1


async def test_a_token_that_was_valid_a_moment_ago_counts_as_revoked(counted, registry):
    assert (await counted("GET", "/Users")).status == 200
    for token in await admin.tokens(counted.db):
        await admin.revoke_token(counted.db, EDITOR, token)

    assert (await counted("GET", "/Users")).status == 401

    assert refused(registry, "revoked", counted.directory.id) == 1


async def test_a_token_of_another_directory_counts_with_the_directory_it_belongs_to(
    counted, registry
):
    other = await admin.create_directory(
        counted.db, EDITOR, organization="acme", name="Other", provider="okta-scim-v2"
    )
    _, token = await admin.create_token(counted.db, EDITOR, other, name="test")

    assert (await replace(counted, token=token)("GET", "/Users")).status == 401

    assert refused(registry, "wrong_directory", other.id) == 1
    assert refused(registry, "unknown") == 0


async def test_a_refused_request_of_a_known_directory_counts_under_its_id(counted, registry):
    await counted("POST", "/Users", raw=b"not json")

    labels = {
        "directory": counted.directory.id,
        "method": "POST",
        "resource": "Users",
        "status": "400",
    }
    assert registry.get_sample_value("calscim_scim_requests_total", labels) == 1
