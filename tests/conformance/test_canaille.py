"""Canaille, an identity provider, pushes its users and groups to the daemon, which puts them on teams of Cal.com.

An operator's commands of Canaille change its database, and Canaille sends SCIM requests because of that. It searches by
externalId before each request, replaces users and groups as a whole (PUT), and deletes them.
"""

import json
from datetime import UTC, datetime

import pytest

from tests.support.clients import Program
from tests.support.waiting import until

CANAILLE = Program("canaille", "canaille")
pytestmark = CANAILLE.needed

CONFIGURATION = """
SECRET_KEY = "of a test"
SERVER_NAME = "127.0.0.1:5000"
PREFERRED_URL_SCHEME = "http"
[CANAILLE]
DATABASE = "sql"
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{folder}/canaille.db"
[CANAILLE_OIDC]
TRUSTED_DOMAINS = ["127.0.0.1"]
[CANAILLE_SCIM]
ENABLE_CLIENT = true
"""


class Canaille:
    """Canaille's commands. Each returns after Canaille has sent its SCIM requests."""

    def __init__(self, folder):
        self.folder = folder
        self.configuration = folder / "canaille.toml"
        self.configuration.write_text(CONFIGURATION.format(folder=folder))

    async def __call__(self, *arguments):
        ran = await CANAILLE.run(*arguments, CANAILLE_CONFIG=str(self.configuration))
        assert ran.code == 0, ran
        assert "failed" not in ran.errors and "not supported" not in ran.errors, ran.errors
        return json.loads(ran.output) if ran.output.startswith("{") else None

    async def connect(self, url, token):
        """Make the daemon a client that Canaille trusts, with the daemon's token."""
        await self("install")
        await self(
            "create",
            "client",
            "--client-id",
            "calscim",
            "--client-name",
            "calscim",
            "--client-uri",
            url,
        )
        now = datetime.now(UTC).isoformat()
        await self(
            "create", "token", "--token-id", "1", "--access-token", token, "--client", "calscim",
            "--audience", "calscim", "--issue-date", now, "--lifetime", "3600",
        )  # fmt: skip

    async def user(self, name):
        """Create a user and return its id in Canaille."""
        made = await self(
            "create", "user", "--user-name", name, "--given-name", name.capitalize(),
            "--family-name", "Example", "--emails", f"{name}@acme.example", "--department", "Sales",
        )  # fmt: skip
        return made["id"]


@pytest.fixture
def deployment(deployment):
    """A deployment whose ServiceProviderConfig has no attribute that scim2-client 0.7.5 does not know."""
    deployment.variables["CALSCIM_SCIM_ANNOUNCE_CURSORS"] = "false"
    return deployment


def requests(site):
    """Return method and status of each request that Canaille sent."""
    return [(line["method"], line["status"]) for line in site.daemon.events("scim.request")]


@pytest.fixture
async def canaille(site, tmp_path):
    provider = Canaille(tmp_path)
    await provider.connect(site.url, site.token)
    yield provider
    assert [one for one in requests(site) if one[1] >= 400] == []


async def test_people_whom_canaille_pushes_join_and_leave_a_team(site, canaille):
    ann, bob = await canaille.user("ann"), await canaille.user("bob")

    await canaille("create", "group", "--display-name", "Sales", "--members", ann, "--members", bob)
    await until(lambda: site.team("Sales") == {"ann@acme.example", "bob@acme.example"})

    await canaille("set", "group", "Sales", "--members", bob)
    await until(lambda: site.team("Sales") == {"bob@acme.example"})

    await canaille("set", "user", bob, "--lock-date", "2026-01-01T00:00:00+00:00")
    await until(lambda: site.team("Sales") == set())


async def test_what_canaille_deletes_leaves_cal_com(site, canaille):
    ann, bob = await canaille.user("ann"), await canaille.user("bob")
    await canaille("create", "group", "--display-name", "Sales", "--members", ann, "--members", bob)
    await canaille("create", "group", "--display-name", "Support", "--members", ann)
    await until(
        lambda: site.team("Support") == {"ann@acme.example"} and len(site.team("Sales")) == 2
    )

    await canaille("delete", "user", "--noconfirm", "--user-name", "bob")
    await until(lambda: site.team("Sales") == {"ann@acme.example"})

    await canaille("delete", "group", "--noconfirm", "--display-name", "Support")
    await until(lambda: site.team("Support") == set())
    assert site.team("Sales") == {"ann@acme.example"}
    assert {method for method, _ in requests(site)} == {"GET", "POST", "PUT", "DELETE"}
