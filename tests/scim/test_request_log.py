"""Every line of the log about a request has its request id and names the directory as operators call it."""

import pytest
from structlog.testing import capture_logs

from calscim.app.throttling import exchange
from calscim.errors import StoreUnavailable
from calscim.scim import users
from calscim.scim.admission import ADMISSION
from calscim.scim.server import DIRECTORY_NAMES


@pytest.fixture
def logged():
    with capture_logs() as lines:
        yield lines


def named(line):
    return {key: line.get(key) for key in ("request_id", "directory_name", "organization")}


async def test_a_request_s_line_names_directory_and_organization(provider, logged):
    await provider("GET", "/Users", X_Request_Id="r1")

    (line,) = logged
    assert line["directory"] == provider.directory.id
    assert named(line) == {"request_id": "r1", "directory_name": "Okta", "organization": "acme"}


async def test_a_refused_token_s_line_names_a_known_directory(provider, logged):
    await provider("GET", "/Users")
    await provider("GET", "/Users", Authorization="Bearer x", X_Request_Id="r1")

    assert named(logged[-1]) == {
        "request_id": "r1",
        "directory_name": "Okta",
        "organization": "acme",
    }


@pytest.mark.parametrize(
    ("error", "event"),
    [(StoreUnavailable("gone"), "scim.unavailable"), (LookupError(), "scim.failed")],
)
async def test_every_line_of_a_failing_request_names_it(
    provider, logged, monkeypatch, error, event
):
    async def fail(*_):
        raise error

    monkeypatch.setattr(users, "read", fail)

    await provider("GET", "/Users/1", X_Request_Id="r1")

    assert [line["event"] for line in logged] == [event, "scim.request"]
    assert {tuple(named(line).values()) for line in logged} == {("r1", "Okta", "acme")}


async def test_skipped_members_are_logged_with_the_request_and_the_directory(provider, logged):
    members = [{"value": "00000000-0000-4000-8000-000000000000"}]

    await provider("POST", "/Groups", {"displayName": "x", "members": members}, X_Request_Id="r1")

    skipped = next(line for line in logged if line["event"] == "scim.members_skipped")
    assert named(skipped) == {"request_id": "r1", "directory_name": "Okta", "organization": "acme"}


async def test_a_renamed_directory_has_its_new_name_in_the_log(provider, logged):
    await provider("GET", "/Users")
    await provider.db.execute("UPDATE calscim.directories SET name = 'Entra'")
    application = provider.application
    await exchange(provider.db, application[ADMISSION], application[DIRECTORY_NAMES])

    await provider("GET", "/Users")

    names = [line["directory_name"] for line in logged if line["event"] == "scim.request"]
    assert names == ["Okta", "Entra"]
