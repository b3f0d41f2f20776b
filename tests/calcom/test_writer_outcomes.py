"""The writer turns each response of Cal.com into one outcome."""

import pytest

from calscim.planner.actions import (
    Outcome,
)
from tests.calcom.conftest import ROOT
from tests.calcom.prepared_actions import ADD, CREATE, DEPROVISION, REMOVE, ROLE, UPDATE

ANSWERS = [
    # action, method, path, status, code, message -> result
    (CREATE, "POST", "/users", 409, "ConflictException", "exists", Outcome.CONFLICT),
    (CREATE, "POST", "/users", 409, "CONFLICT", "exists", Outcome.CONFLICT),
    (
        CREATE,
        "POST",
        "/users",
        400,
        "BadRequestException",
        "user_already_invited_or_member",
        Outcome.CONFLICT,
    ),
    (CREATE, "POST", "/users", 400, "BadRequestException", "email", Outcome.REFUSED),
    (CREATE, "POST", "/users", 403, "ForbiddenException", "role", Outcome.REFUSED),
    (CREATE, "POST", "/users", 401, "UnauthorizedException", "key", Outcome.AUTH),
    (CREATE, "POST", "/users", 502, "", "", Outcome.UNKNOWN),
    (UPDATE, "PATCH", "/users/105", 404, "NOT_FOUND", "no record", Outcome.NOT_FOUND),
    (UPDATE, "PATCH", "/users/105", 409, "CONFLICT", "exists", Outcome.CONFLICT),
    (DEPROVISION, "DELETE", "/memberships/5", 404, "NotFoundException", "gone", Outcome.NOT_FOUND),
    (DEPROVISION, "DELETE", "/memberships/5", 500, "", "", Outcome.UNKNOWN),
    (ADD, "POST", "/teams/9/memberships", 409, "CONFLICT", "exists", Outcome.ALREADY),
    (ADD, "POST", "/teams/9/memberships", 404, "NotFoundException", "team", Outcome.NOT_FOUND),
    (ROLE, "PATCH", "/teams/9/memberships/5", 404, "NotFoundException", "gone", Outcome.NOT_FOUND),
    (
        REMOVE,
        "DELETE",
        "/teams/9/memberships/5",
        404,
        "NotFoundException",
        "gone",
        Outcome.NOT_FOUND,
    ),
    (REMOVE, "DELETE", "/teams/9/memberships/5", 500, "", "", Outcome.UNKNOWN),
]


@pytest.mark.parametrize(
    ("action", "method", "path", "status", "code", "message", "result"),
    ANSWERS,
    ids=[f"{one[0].kind.value}-{one[3]}-{one[4]}" for one in ANSWERS],
)
async def test_each_refusal_has_its_result(
    writer, calcom, diary, action, method, path, status, code, message, result
):
    calcom.refuse(method, ROOT + path, status, code, message)

    outcome = await writer.perform(action, "r")

    assert outcome.outcome is result
    assert diary.outcomes == [outcome]
    assert len(calcom.sent) == 1


async def test_a_person_without_a_profile_differs_from_other_refusals(writer, calcom):
    calcom.refuse(
        "POST",
        f"{ROOT}/teams/9/memberships",
        422,
        "UnprocessableEntityException",
        "User is not part of the Organization",
    )

    outcome = await writer.perform(ADD, "r")

    assert outcome.outcome is Outcome.NO_PROFILE
    assert "has no Profile" in outcome.detail


async def test_a_throttled_write_is_told_from_a_refused_one(writer, calcom):
    headers = {"X-RateLimit-Remaining-Default": "0", "X-RateLimit-Reset-Default": "33"}
    calcom.refuse("DELETE", f"{ROOT}/memberships/5", 429, headers=headers)

    outcome = await writer.perform(DEPROVISION, "r")

    assert outcome.outcome is Outcome.THROTTLED


async def test_a_success_that_cannot_be_read_may_have_happened(writer, calcom):
    calcom.answer("POST", f"{ROOT}/users", status=201, body="<html>")

    assert (await writer.perform(CREATE, "r")).outcome is Outcome.UNKNOWN
