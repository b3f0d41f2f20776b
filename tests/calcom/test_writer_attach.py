"""The writer attaches an account to the organization in the way that its Cal.com version supports."""

from dataclasses import replace

import pytest

from calscim.calcom.writer import CallResult, Writer
from calscim.planner.actions import (
    AcceptMember,
    Outcome,
)
from tests.calcom.conftest import ROOT, org_row, user_row
from tests.calcom.prepared_actions import ADA, ATTACH, HALF_MEMBER, KNOWN, invalid


async def test_an_account_is_attached_by_address_where_cal_com_can(writer, calcom):
    calcom.answer("POST", f"{ROOT}/memberships", org_row(5, email=ADA, accepted=False), status=201)

    outcome = await writer.perform(KNOWN, "r")

    assert outcome == CallResult(
        Outcome.DONE, cal_user=105, membership=5, accepted=False, invites_by_email=True
    )
    assert [sent.body for sent in calcom.sent] == [{"email": ADA, "role": "MEMBER"}]


@pytest.mark.parametrize("status", [400, 404])
async def test_a_known_account_is_attached_by_its_number_where_the_address_does_not_do(
    writer, calcom, diary, status
):
    calcom.refuse("POST", f"{ROOT}/memberships", status, "BadRequestException", "userId missing")
    calcom.answer("POST", f"{ROOT}/memberships", org_row(5, email=ADA), status=201)

    outcome = await writer.perform(KNOWN, "r")

    assert outcome.outcome is Outcome.DONE
    assert calcom.sent[1].body == {"userId": 105, "role": "MEMBER", "accepted": False}
    assert len(diary.rows) == 2


async def test_an_account_that_kept_its_profile_is_attached_accepted(client, calcom, diary):
    calcom.answer("POST", f"{ROOT}/memberships", org_row(5, email=ADA), status=201)
    writer = Writer(client, diary, invites_by_email=False)

    await writer.perform(replace(KNOWN, has_profile=True), "r")

    assert [sent.body for sent in calcom.sent] == [
        {"userId": 105, "role": "MEMBER", "accepted": True}
    ]


async def test_a_build_that_invites_by_number_only_is_found_out_once(writer, calcom):
    details = invalid("userId")
    calcom.refuse("POST", f"{ROOT}/memberships", 400, "BadRequestException", "no", details)
    for _ in range(2):
        calcom.answer("POST", f"{ROOT}/memberships", org_row(5, email=ADA), status=201)

    first = await writer.perform(KNOWN, "r")
    second = await writer.perform(KNOWN, "r")

    assert (first.invites_by_email, second.invites_by_email) == (False, False)
    assert ["email" in sent.body for sent in calcom.sent] == [True, False, False]


@pytest.mark.parametrize("reason", ["IsUserInOrg - user with id=105 is not part of it.", None])
async def test_a_half_member_is_made_pending_if_cal_com_confirms_it(writer, calcom, reason):
    if reason is None:
        calcom.answer("PATCH", f"{ROOT}/users/105", user_row(105, ADA))
    else:
        calcom.refuse("PATCH", f"{ROOT}/users/105", 403, "ForbiddenException", reason)
        calcom.answer("PATCH", f"{ROOT}/memberships/5", org_row(5, accepted=False))

    outcome = await writer.perform(HALF_MEMBER, "r")

    assert outcome.outcome is (Outcome.ALREADY if reason is None else Outcome.DONE)
    assert calcom.sent[0].body == {}
    pending = [] if reason is None else [{"accepted": False}]
    assert [sent.body for sent in calcom.sent[1:]] == pending


async def test_a_pending_team_membership_is_accepted(writer, calcom):
    calcom.answer("PATCH", f"{ROOT}/teams/9/memberships/5", org_row(5, team=9))
    action = AcceptMember(ADA, "because", cal_user=105, membership=5, team=9)

    outcome = await writer.perform(action, "r")

    assert (outcome.outcome, outcome.accepted) == (Outcome.DONE, True)
    assert calcom.sent[0].body == {"accepted": True}


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (400, Outcome.REFUSED),
        (404, Outcome.NOT_FOUND),
        (409, Outcome.CONFLICT),
        (500, Outcome.UNKNOWN),
    ],
)
async def test_an_unknown_account_is_tried_by_address_alone(writer, calcom, status, result):
    calcom.refuse("POST", f"{ROOT}/memberships", status, "SomeException", "no")

    assert (await writer.perform(ATTACH, "r")).outcome is result
    assert len(calcom.sent) == 1


async def test_an_account_without_outcome_by_address_is_not_tried_again(writer, calcom):
    calcom.answer("POST", f"{ROOT}/memberships", exception=TimeoutError())

    assert (await writer.perform(KNOWN, "r")).outcome is Outcome.UNKNOWN
    assert len(calcom.sent) == 1


async def test_a_known_account_that_was_deleted_is_not_found(writer, calcom):
    calcom.refuse("POST", f"{ROOT}/memberships", 404, "NotFoundException", "User not found")
    calcom.refuse("POST", f"{ROOT}/memberships", 404, "NotFoundException", "User not found")

    assert (await writer.perform(KNOWN, "r")).outcome is Outcome.NOT_FOUND
