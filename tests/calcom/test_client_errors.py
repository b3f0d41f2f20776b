"""The client classifies every refusal and every malformed response of Cal.com."""

import aiohttp
import pytest

from calscim.calcom.errors import to_remote_error
from calscim.errors import RemoteError, RemoteKind
from calscim.planner.roles import Role
from tests.calcom.conftest import API, ROOT, label, org_row
from tests.calcom.refusals import LOW_ROLE, NO_ORGANIZATION, OUTSIDE
from tests.calcom.refusals import REFUSALS as RECORDED

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
