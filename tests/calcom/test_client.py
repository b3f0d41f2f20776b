"""The request of each call, and the meaning of each response."""

import aiohttp
import pytest
import structlog
from prometheus_client import CollectorRegistry

from calscim.calcom.client import Client
from calscim.calcom.decode import Account, Attribute, Me, Option, OrgMembership, TeamMembership
from calscim.calcom.errors import to_remote_error
from calscim.calcom.metrics import Metrics
from calscim.calcom.rate_budget import Budget
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.observed_state import OrgMember, Team, TeamMember
from calscim.planner.roles import Role
from tests.calcom.conftest import API, KEY, ROOT, label, org_row, user_row
from tests.calcom.refusals import LOW_ROLE, NO_ORGANIZATION, OUTSIDE
from tests.calcom.refusals import REFUSALS as RECORDED

TEAM = {"id": 9, "parentId": 7, "name": "Sales", "slug": "sales", "isOrganization": False}
MEMBER = {key: value for key, value in org_row(5, team=9).items() if key != "attributes"}
OPTION = {"id": "o1", "attributeId": "a1", "value": "Berlin", "slug": "berlin"}
ORG_MEMBER = OrgMembership(
    7, OrgMember(5, 105, "p5@acme.example", "", "p5", Role.MEMBER, accepted=True, attributes=())
)
TEAM_MEMBER = TeamMembership(9, TeamMember(5, 105, Role.MEMBER, accepted=True))
ADA = Account(42, "ada@acme.example", "", "ada", "en", "Europe/London")

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
        [Attribute("a1", "City", "city", "TEXT", enabled=True)],
    ),
    (
        f"{ROOT}/attributes/a1/options",
        [OPTION],
        lambda client: client.options("a1"),
        [Option("o1", "a1", "Berlin", "berlin")],
    ),
    (
        f"{ROOT}/attributes/options/42",
        [OPTION],
        lambda client: client.assigned(42),
        [Option("o1", "a1", "Berlin", "berlin")],
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


NO = {"message": "no", "statusCode": 400}
REFUSALS = [
    # status, code, message, details -> kind of a read, kind of a write
    (401, "UnauthorizedException", "Invalid API Key", None, "AUTH", "AUTH"),
    (403, "ForbiddenException", "RolesGuard - role too low", None, "AUTH", "AUTH"),
    (403, "ForbiddenException", "IsOrgGuard - no organization", None, "AUTH", "AUTH"),
    (403, "ForbiddenException", "IsAdminAPIEnabledGuard - off", None, "AUTH", "AUTH"),
    (403, "ForbiddenException", "PbacGuard - organization.remove", None, "AUTH", "REJECTED"),
    (403, "ForbiddenException", "IsUserInOrg - not in it", None, "NO_PROFILE", "NO_PROFILE"),
    (404, "NotFoundException", "Membership (5) not found.", None, "NOT_FOUND", "NOT_FOUND"),
    (404, "NOT_FOUND", "Invalid Query", None, "NOT_FOUND", "NOT_FOUND"),
    (409, "ConflictException", "A user already exists", None, "CONFLICT", "CONFLICT"),
    (409, "CONFLICT", "a record that already exists", None, "CONFLICT", "CONFLICT"),
    (409, "ConflictException", "Username is already taken", None, "REJECTED", "REJECTED"),
    (400, "BadRequestException", "user_already_invited_or_member", NO, "CONFLICT", "CONFLICT"),
    (400, "user_already_invited_or_member", "no", None, "CONFLICT", "CONFLICT"),
    (
        400,
        "BadRequestException",
        "Bad Request Exception",
        {"message": "user_already_invited_or_member"},
        "CONFLICT",
        "CONFLICT",
    ),
    (400, "BadRequestException", "Bad Request Exception", NO, "REJECTED", "REJECTED"),
    (400, "BAD_REQUEST", "The referenced data does not exist.", None, "NOT_FOUND", "NOT_FOUND"),
    (422, "UnprocessableEntityException", "not part of it", NO, "REJECTED", "REJECTED"),
    (500, "INTERNAL_SERVER_ERROR", "There was an error", None, "UNREACHABLE", "UNREACHABLE"),
    (408, "RequestTimeout", "slow", None, "UNREACHABLE", "UNREACHABLE"),
    (429, "ThrottlerException", "Too many requests", "a string", "THROTTLED", "THROTTLED"),
    (404, "NotFoundException", "Cannot GET /v2/organizations/7", None, "MALFORMED", "NOT_FOUND"),
    (404, "NotFoundException", "Cannot POST /v2/organizations/7", None, "NOT_FOUND", "MALFORMED"),
]


@pytest.mark.parametrize(
    ("status", "code", "message", "details", "read", "write"),
    REFUSALS,
    ids=label,
)
async def test_each_refusal_has_one_meaning(
    client, calcom, status, code, message, details, read, write
):
    calcom.refuse("GET", f"{ROOT}/memberships/5", status, code, message, details)
    calcom.refuse("POST", f"{ROOT}/memberships", status, code, message, details)

    with pytest.raises(RemoteError) as reading:
        await client.membership(5)
    with pytest.raises(RemoteError) as writing:
        await client.attach(await client.acquire_permit("r"), 105, Role.MEMBER, accepted=False)

    assert (reading.value.kind.name, writing.value.kind.name) == (read, write)
    assert (writing.value.status, writing.value.code) == (status, code)


@pytest.mark.parametrize("refusal", RECORDED, ids=str)
def test_a_recorded_refusal_has_its_kind_and_names_the_invalid_fields(refusal):
    error = to_remote_error(refusal.method, refusal.url, refusal.status, refusal.body)

    assert error.kind is refusal.kind
    assert error.properties == tuple(name for name, _ in refusal.invalid)


def test_every_kind_of_refusal_was_recorded():
    assert {refusal.kind for refusal in RECORDED} == set(RemoteKind)


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        (NO_ORGANIZATION, "organization_id is wrong"),
        (LOW_ROLE, "has too low a role"),
        ("RolesGuard - User is not a member of the organization", "not a member of this"),
        ("IsAdminAPIEnabledGuard - not enabled", "plan lacks the Admin API"),
        ("PbacGuard - organization.listMembers", "give calscim the key of an administrator"),
    ],
    ids=label,
)
def test_each_403_about_the_key_says_what_to_do(message, advice):
    body = {"error": {"code": "ForbiddenException", "message": message}}

    said = str(to_remote_error("GET", f"{ROOT}/memberships", 403, body))

    assert advice in said
    assert said.endswith("(calscim check)")


@pytest.mark.parametrize(
    ("status", "message"), [(403, OUTSIDE), (422, "User is not part of the Organization")]
)
def test_a_missing_profile_is_an_error_of_the_person_and_not_of_the_key(status, message):
    said = str(
        to_remote_error("PATCH", f"{ROOT}/users/42", status, {"error": {"message": message}})
    )

    assert "has no Profile in the organization: they have to accept the invitation" in said
    assert "key" not in said


def test_another_422_is_only_a_refusal():
    body = {"error": {"code": "UnprocessableEntityException", "message": "Slots are taken"}}

    assert to_remote_error("POST", f"{ROOT}/teams", 422, body).kind is RemoteKind.REJECTED


@pytest.mark.parametrize(
    "details",
    [None, "a text", [], {"errors": "x"}, {"errors": ["x", {"property": 5}, {"constraints": []}]}],
    ids=str,
)
def test_details_in_another_form_name_no_fields(details):
    body = {"error": {"code": "X", "message": "no", "details": details}}

    assert to_remote_error("POST", f"{ROOT}/users", 400, body).properties == ()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, '{"statusCode":500,"message":"Internal server error"}', RemoteKind.UNREACHABLE),
        (502, "<html>bad gateway</html>", RemoteKind.UNREACHABLE),
        (404, "<html>not here</html>", RemoteKind.MALFORMED),
        (403, "<html>are you human</html>", RemoteKind.MALFORMED),
        (409, "", RemoteKind.MALFORMED),
        (301, "", RemoteKind.MALFORMED),
        (429, "slow down", RemoteKind.THROTTLED),
        (200, "<html>a sign-in page</html>", RemoteKind.MALFORMED),
        (200, "", RemoteKind.MALFORMED),
        (200, "[]", RemoteKind.MALFORMED),
        (200, '{"status":"error","data":[]}', RemoteKind.MALFORMED),
        (200, '{"status":"success"}', RemoteKind.MALFORMED),
        (200, '{"status":"success","data":null}', RemoteKind.MALFORMED),
        (200, '{"status":"success","data":{}}', RemoteKind.MALFORMED),
        (204, "", RemoteKind.MALFORMED),
    ],
)
async def test_a_malformed_response_is_never_an_empty_list(client, calcom, status, body, kind):
    calcom.answer("GET", f"{ROOT}/teams?take=250&skip=0", status=status, body=body)

    with pytest.raises(RemoteError) as caught:
        await client.teams(0)

    assert caught.value.kind is kind


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "5"},
        {"id": True},
        {"id": 5.5},
        {"userId": None},
        {"accepted": "true"},
        {"accepted": None},
        {"role": "GUEST"},
        {"role": None},
        {"user": None},
        {"user": {"username": "x", "name": "x"}},
        {"user": {"email": "x@acme.example", "name": 5}},
        {"teamId": None},
    ],
    ids=str,
)
async def test_a_row_that_cannot_be_read_makes_the_whole_answer_unreadable(client, calcom, broken):
    rows = [org_row(1), {**org_row(2), **broken}]
    calcom.answer("GET", f"{ROOT}/memberships?take=250&skip=0", rows)

    with pytest.raises(RemoteError, match="documented form") as caught:
        await client.memberships(0)

    assert caught.value.kind is RemoteKind.MALFORMED


@pytest.mark.parametrize(
    "exception",
    [
        TimeoutError(),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientConnectionError("refused"),
        aiohttp.ClientPayloadError("cut"),
        ConnectionResetError(),
    ],
    ids=repr,
)
async def test_no_answer_leaves_the_outcome_unknown(client, calcom, exception):
    calcom.answer("DELETE", f"{ROOT}/memberships/5", exception=exception)

    with pytest.raises(RemoteError, match="did not answer DELETE") as caught:
        await client.end_membership(await client.acquire_permit("r"), 5)

    assert caught.value.kind is RemoteKind.UNREACHABLE


async def test_a_redirect_is_not_followed_with_the_key(client, calcom):
    calcom.answer("GET", "/v2/me", status=302, body="", headers={"Location": f"{API}/elsewhere"})
    calcom.answer("GET", "/elsewhere", {"id": 5, "email": "bot@acme.example"})

    with pytest.raises(RemoteError):
        await client.me()

    assert [sent.path for sent in calcom.sent] == ["/v2/me"]


async def test_a_deletion_may_be_answered_with_nothing(client, calcom):
    calcom.answer("DELETE", f"{ROOT}/memberships/5", status=204, body="")

    await client.end_membership(await client.acquire_permit("r"), 5)


async def test_an_answer_too_long_to_be_meant_is_not_read_on(client, calcom, monkeypatch):
    monkeypatch.setattr("calscim.calcom.transport.MAX_BYTES", 1000)
    calcom.answer("GET", f"{ROOT}/memberships?take=250&skip=0", [org_row(n) for n in range(9)])

    with pytest.raises(RemoteError) as caught:
        await client.memberships(0)

    assert caught.value.kind is RemoteKind.MALFORMED


async def test_a_validation_error_has_the_violated_constraints(client, calcom):
    errors = [{"property": "email", "constraints": {"isEmail": "email must be an email"}}]
    calcom.refuse(
        "POST", f"{ROOT}/users", 400, "BadRequestException", "Bad Request", {"errors": errors}
    )

    with pytest.raises(RemoteError, match="email must be an email"):
        await client.create_user(await client.acquire_permit("r"), {"email": "x", "locale": "en"})


@pytest.mark.parametrize("url", [API, f"{API}/", f"{API}/v2", f"{API}/v2/"])
async def test_the_address_may_end_in_a_slash_or_the_version(session, calcom, clock, url):
    client = Client(
        session,
        organization="acme",
        api_url=url,
        organization_id=7,
        api_key=KEY,
        budget=Budget(120),
        clock=clock,
        timeout=5,
    )
    calcom.answer("GET", "/v2/me", {"id": 5, "email": "b@acme.example", "organizationId": None})

    assert await client.me() == Me(5, "b@acme.example", None)


async def test_the_key_is_in_no_message_log_or_repr(client, calcom):
    calcom.refuse("GET", "/v2/me", 401, "UnauthorizedException", "Invalid API Key")

    with structlog.testing.capture_logs() as logged, pytest.raises(RemoteError) as caught:
        await client.me()

    assert KEY not in f"{caught.value} {caught.value!r} {client!r} {vars(client)!r} {logged}"


async def test_every_call_is_one_line_in_the_log(client, calcom):
    calcom.refuse("PATCH", f"{ROOT}/memberships/5", 404, "NotFoundException", "gone")

    with structlog.testing.capture_logs() as logged, pytest.raises(RemoteError):
        await client.change_membership(await client.acquire_permit("okta-9"), 5, Role.ADMIN)

    assert logged == [
        {
            "event": "calcom.request",
            "log_level": "debug",
            "organization": "acme",
            "method": "PATCH",
            "path": f"{ROOT}/memberships/5",
            "status": "404",
            "seconds": 0.0,
            "request_id": "okta-9",
        }
    ]


async def test_a_request_id_stays_one_header_line(client, calcom):
    calcom.answer("DELETE", f"{ROOT}/memberships/5", {})

    await client.end_membership(await client.acquire_permit("a\r\nX-Evil: 1\u00e9"), 5)

    assert calcom.sent[0].headers["X-Request-Id"] == "a__X-Evil: 1_"


async def test_calls_are_counted_for_prometheus(session, calcom, clock):
    registry = CollectorRegistry()
    client = Client(
        session,
        organization="acme",
        api_url=API,
        organization_id=7,
        api_key=KEY,
        budget=Budget(120),
        clock=clock,
        timeout=5,
        metrics=Metrics(registry),
    )
    calcom.answer("GET", "/v2/me", {"id": 5, "email": "b@acme.example"})
    calcom.answer("GET", "/v2/me", exception=TimeoutError())

    await client.me()
    with pytest.raises(RemoteError):
        await client.me()

    def count(status: str) -> float | None:
        labels = {"organization": "acme", "method": "GET", "status": status}
        return registry.get_sample_value("calscim_calcom_requests_total", labels)

    acme = {"organization": "acme"}
    assert (count("200"), count("none")) == (1, 1)
    assert registry.get_sample_value("calscim_ratelimit_remaining", acme) == 118
    assert registry.get_sample_value("calscim_calcom_request_seconds_count", acme) == 2


async def test_the_budget_in_the_metrics_is_full_again_when_its_window_has_ended(
    session, calcom, clock
):
    registry = CollectorRegistry()
    client = Client(
        session,
        organization="acme",
        api_url=API,
        organization_id=7,
        api_key=KEY,
        budget=Budget(120),
        clock=clock,
        timeout=5,
        metrics=Metrics(registry),
    )
    calcom.answer("GET", "/v2/me", {"id": 5, "email": "b@acme.example"})
    await client.me()

    await clock.sleep(61)

    acme = {"organization": "acme"}
    assert registry.get_sample_value("calscim_ratelimit_remaining", acme) == 120
