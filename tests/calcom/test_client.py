"""The request of each call, and the meaning of each response."""

import pytest

from calscim.calcom.client import Client
from calscim.calcom.decode import Account, Attribute, Me, Option, OrgMembership, TeamMembership
from calscim.calcom.rate_budget import Budget
from calscim.calcom.transport import Transport
from calscim.planner.observed_state import OrgMember, Team, TeamMember
from calscim.planner.roles import Role
from tests.calcom.conftest import API, KEY, ROOT, label, org_row, user_row

TEAM = {"id": 9, "parentId": 7, "name": "Sales", "slug": "sales", "isOrganization": False}
MEMBER = {key: value for key, value in org_row(5, team=9).items() if key != "attributes"}
OPTION = {"id": "o1", "attributeId": "a1", "value": "Berlin", "slug": "berlin"}
ORG_MEMBER = OrgMembership(
    7, OrgMember(5, 105, "p5@acme.example", "", "p5", Role.MEMBER, accepted=True, attributes=())
)
TEAM_MEMBER = TeamMembership(9, TeamMember(5, 105, Role.MEMBER, accepted=True))
ADA = Account(42, "ada@acme.example")

READS = [
    (
        "/v2/me",
        {"id": 5, "email": "bot@acme.example", "organizationId": 7},
        lambda client: client.me(),
        Me(5, "bot@acme.example", 7),
    ),
    (
        f"{ROOT}/memberships?take=250&skip=500",
        [org_row(5)],
        lambda client: client.memberships(500),
        [ORG_MEMBER],
    ),
    (f"{ROOT}/memberships/5", org_row(5), lambda client: client.membership(5), ORG_MEMBER),
    (
        f"{ROOT}/users?take=1000&skip=0&emails=ada%2Bx@acme.example&emails=b@acme.example",
        [user_row(42, "ada@acme.example")],
        lambda client: client.users(["ada+x@acme.example", "b@acme.example"]),
        [ADA],
    ),
    (
        f"{ROOT}/users?take=1000&skip=1000",
        [user_row(42, "ada@acme.example")],
        lambda client: client.all_users(1000),
        [ADA],
    ),
    (
        f"{ROOT}/teams?take=250&skip=0",
        [TEAM],
        lambda client: client.teams(0),
        [Team(9, "Sales", "sales")],
    ),
    (f"{ROOT}/teams/9", TEAM, lambda client: client.team(9), Team(9, "Sales", "sales")),
    (
        f"{ROOT}/teams/9/memberships?take=250&skip=250",
        [MEMBER],
        lambda client: client.team_memberships(9, 250),
        [TEAM_MEMBER],
    ),
    (
        f"{ROOT}/attributes?take=250&skip=0",
        [
            {
                "id": "a1",
                "teamId": 7,
                "type": "TEXT",
                "name": "City",
                "slug": "city",
                "enabled": True,
            }
        ],
        lambda client: client.attributes(0),
        [Attribute("a1", "City", "city", "TEXT")],
    ),
    (
        f"{ROOT}/attributes/a1/options",
        [OPTION],
        lambda client: client.options("a1"),
        [Option("o1", "a1", "Berlin")],
    ),
    (
        f"{ROOT}/attributes/options/42",
        [OPTION],
        lambda client: client.assigned(42),
        [Option("o1", "a1", "Berlin")],
    ),
]

WRITES = [
    (
        "POST",
        f"{ROOT}/memberships",
        {"userId": 105, "role": "ADMIN", "accepted": False},
        org_row(5),
        lambda client, permit: client.attach(permit, 105, Role.ADMIN, accepted=False),
    ),
    (
        "POST",
        f"{ROOT}/memberships",
        {"email": "p5@acme.example", "role": "MEMBER"},
        org_row(5),
        lambda client, permit: client.invite(permit, "p5@acme.example", Role.MEMBER),
    ),
    (
        "PATCH",
        f"{ROOT}/memberships/5",
        {"role": "ADMIN"},
        org_row(5),
        lambda client, permit: client.change_membership(permit, 5, Role.ADMIN),
    ),
    (
        "PATCH",
        f"{ROOT}/memberships/5",
        {"accepted": False},
        org_row(5, accepted=False),
        lambda client, permit: client.make_pending(permit, 5),
    ),
    (
        "DELETE",
        f"{ROOT}/memberships/5",
        None,
        org_row(5),
        lambda client, permit: client.end_membership(permit, 5),
    ),
    (
        "POST",
        f"{ROOT}/users",
        {"email": "ada@acme.example", "locale": "de"},
        user_row(42, "ada@acme.example"),
        lambda client, permit: client.create_user(
            permit, {"email": "ada@acme.example", "locale": "de"}
        ),
    ),
    (
        "PATCH",
        f"{ROOT}/users/42",
        {"email": "ada@acme.example", "locale": "de"},
        user_row(42, "ada@acme.example"),
        lambda client, permit: client.change_user(
            permit, 42, {"email": "ada@acme.example", "locale": "de"}
        ),
    ),
    (
        "POST",
        f"{ROOT}/teams",
        {"name": "Sales", "slug": "sales"},
        TEAM,
        lambda client, permit: client.create_team(permit, "Sales", "sales"),
    ),
    (
        "POST",
        f"{ROOT}/teams/9/memberships",
        {"userId": 105, "role": "MEMBER", "accepted": True},
        MEMBER,
        lambda client, permit: client.add_member(permit, 9, 105, Role.MEMBER),
    ),
    (
        "PATCH",
        f"{ROOT}/teams/9/memberships/5",
        {"role": "ADMIN"},
        MEMBER,
        lambda client, permit: client.change_member(permit, 9, 5, Role.ADMIN),
    ),
    (
        "PATCH",
        f"{ROOT}/teams/9/memberships/5",
        {"accepted": True},
        MEMBER,
        lambda client, permit: client.accept_member(permit, 9, 5),
    ),
    (
        "DELETE",
        f"{ROOT}/teams/9/memberships/5",
        None,
        MEMBER,
        lambda client, permit: client.remove_member(permit, 9, 5),
    ),
    (
        "POST",
        f"{ROOT}/attributes/a1/options",
        {"value": "Berlin", "slug": "berlin"},
        OPTION,
        lambda client, permit: client.create_option(permit, "a1", "Berlin", "berlin"),
    ),
    (
        "POST",
        f"{ROOT}/attributes/options/42",
        {"attributeId": "a1", "attributeOptionId": "o1"},
        {"id": "x", "memberId": 5, "attributeOptionId": "o1"},
        lambda client, permit: client.assign_option(permit, 42, "a1", "o1"),
    ),
    (
        "POST",
        f"{ROOT}/attributes/options/42",
        {"attributeId": "a1", "value": "Berlin"},
        {"id": "x", "memberId": 5, "attributeOptionId": "o1"},
        lambda client, permit: client.assign_value(permit, 42, "a1", "Berlin"),
    ),
    (
        "DELETE",
        f"{ROOT}/attributes/options/42/o1",
        None,
        {"id": "x", "memberId": 5, "attributeOptionId": "o1"},
        lambda client, permit: client.unassign(permit, 42, "o1"),
    ),
]


@pytest.mark.parametrize(("path", "data", "call", "expected"), READS, ids=label)
async def test_a_read_asks_for_its_path_and_parses_the_answer(
    client, calcom, path, data, call, expected
):
    calcom.answer("GET", path, data)

    assert await call(client) == expected


@pytest.mark.parametrize(("method", "path", "body", "data", "call"), WRITES, ids=label)
async def test_a_write_sends_exactly_its_body_and_the_request_id(
    client, calcom, method, path, body, data, call
):
    calcom.answer(method, path, data, status=201 if method == "POST" else 200)

    await call(client, await client.acquire_permit("okta-1"))

    [sent] = calcom.sent
    assert sent.body == body
    assert sent.headers["X-Request-Id"] == "okta-1"
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.headers["User-Agent"].startswith("calscim/")


def test_no_call_deletes_an_account():
    deleting = [
        call for method, path, _, _, call in WRITES if method == "DELETE" and "/users" in path
    ]

    assert not deleting
    assert not [name for name in dir(Client) if "delete" in name.strip("_") and "user" in name]


@pytest.mark.parametrize("url", [API, f"{API}/", f"{API}/v2", f"{API}/v2/"])
async def test_the_address_may_end_in_a_slash_or_the_version(session, calcom, clock, url):
    client = Client(
        Transport(
            session,
            organization="acme",
            api_url=url,
            api_key=KEY,
            budget=Budget(120),
            clock=clock,
            timeout=5,
        ),
        7,
    )
    calcom.answer("GET", "/v2/me", {"id": 5, "email": "b@acme.example", "organizationId": None})

    assert await client.me() == Me(5, "b@acme.example", None)
