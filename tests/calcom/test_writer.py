"""The writer: the request of each action, its recorded attempt, and the outcome of each response."""

import asyncio
from dataclasses import replace

import pytest

from calscim.calcom.writer import CallResult, Writer
from calscim.planner.actions import (
    AcceptMember,
    Action,
    AddMember,
    AttachUser,
    AttributeChange,
    AttributeOp,
    ChangeAddress,
    ChangeAttribute,
    ChangeOrgRole,
    ChangePreferences,
    ChangeTeamRole,
    CreateTeam,
    CreateUser,
    DeprovisionUser,
    Outcome,
    ReinviteUser,
    RemoveMember,
)
from calscim.planner.observed_state import Attribute, AttributeType
from calscim.planner.people.user_preferences import Preferences
from calscim.planner.roles import Role
from tests.calcom.conftest import ROOT, org_row, user_row

ADA = "ada@acme.example"
ADD = AddMember(ADA, "because", cal_user=105, team=9, role=Role.ADMIN)
ATTACH = AttachUser(ADA, "because")
CREATE = CreateUser(ADA, "because")
DEPROVISION = DeprovisionUser(ADA, "because", cal_user=105, membership=5)
KNOWN = AttachUser(ADA, "because", cal_user=105)
REMOVE = RemoveMember(ADA, "because", cal_user=105, membership=5, team=9)
ROLE = ChangeTeamRole(ADA, "because", cal_user=105, membership=5, team=9, role=Role.ADMIN)
UPDATE = ChangeAddress(ADA, "because", cal_user=105)


HALF_MEMBER = ReinviteUser(ADA, "because", cal_user=105, membership=5, role=Role.ADMIN)


def preferring(preferences: Preferences) -> ChangePreferences:
    return ChangePreferences(ADA, "because", cal_user=105, preferences=preferences)


class Diary:
    """Records the attempts, with the requests that had been sent by then."""

    def __init__(self, calcom) -> None:
        self.calcom = calcom
        self.rows: list[tuple] = []
        self.outcomes: list[CallResult] = []

    async def begin(self, action, request_id):
        self.rows.append(("begin", action.kind.value, request_id, len(self.calcom.sent)))
        return 17

    async def finish(self, action_id, outcome):
        self.rows.append(("finish", action_id, outcome.outcome.value, len(self.calcom.sent)))
        self.outcomes.append(outcome)


@pytest.fixture
def diary(calcom) -> Diary:
    return Diary(calcom)


@pytest.fixture
def writer(client, diary) -> Writer:
    return Writer(client, diary)


async def test_a_row_is_begun_before_the_call_and_finished_after_it(writer, calcom, diary):
    calcom.answer("POST", f"{ROOT}/teams/9/memberships", org_row(5, team=9), status=201)

    await writer.perform(ADD, "okta-1")

    assert diary.rows == [("begin", "member.add", "okta-1", 0), ("finish", 17, "done", 1)]


async def test_the_budget_is_waited_for_before_the_row_is_begun(client, diary, clock):
    while not client.budget.delay(clock.monotonic()):
        client.budget.take(clock.monotonic())
    waited: list[float] = []

    class Checking(Diary):
        async def begin(self, action, request_id):
            waited.append(sum(clock.slept))
            return await super().begin(action, request_id)

    diary.calcom.answer("DELETE", f"{ROOT}/memberships/5", org_row(5))
    await Writer(client, Checking(diary.calcom)).perform(DEPROVISION, "r")

    assert waited == [sum(clock.slept)]
    assert waited[0] > 0


async def test_nothing_is_sent_when_the_row_cannot_be_begun(client, calcom):
    class Refusing(Diary):
        async def begin(self, action, request_id):
            raise RuntimeError("the lease is over")

    diary = Refusing(calcom)
    with pytest.raises(RuntimeError):
        await Writer(client, diary).perform(DEPROVISION, "r")

    assert (calcom.sent, diary.rows) == ([], [])


async def test_a_call_that_is_cut_off_is_finished_as_unknown(client, calcom, diary, monkeypatch):
    started = asyncio.Event()

    async def hanging(*_):
        started.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(client, "end_membership", hanging)
    performing = asyncio.create_task(Writer(client, diary).perform(DEPROVISION, "r"))
    await started.wait()

    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing

    assert diary.rows[-1][:3] == ("finish", 17, "unknown")


# -------------------------------------------------------------------- what is sent


async def test_a_new_user_is_accepted_at_once_and_keeps_cal_coms_own_preferences(writer, calcom):
    calcom.answer("POST", f"{ROOT}/users", user_row(42, ADA), status=201)

    outcome = await writer.perform(CREATE, "r")

    assert outcome == CallResult(Outcome.DONE, cal_user=42)
    assert calcom.sent[0].body == {
        "email": ADA,
        "organizationRole": "MEMBER",
        "autoAccept": True,
    }


async def test_a_new_user_gets_the_known_attributes_and_never_a_username(client, calcom, diary):
    calcom.answer("POST", f"{ROOT}/users", user_row(42, ADA), status=201)
    action = CreateUser(
        ADA,
        "because",
        name="Ada " + "x" * 80,
        preferences=Preferences("de", "Europe/Berlin", ""),
        role=Role.ADMIN,
    )

    await Writer(client, diary, notify_new_users=False).perform(action, "r")

    body = calcom.sent[0].body
    assert len(body.pop("name")) == 50
    assert body == {
        "email": ADA,
        "locale": "de",
        "timeZone": "Europe/Berlin",
        "organizationRole": "ADMIN",
        "autoAccept": True,
        "skipNotificationEmail": True,
    }


async def test_a_changed_address_is_sent_alone(writer, calcom):
    calcom.answer("PATCH", f"{ROOT}/users/105", user_row(105, ADA))

    outcome = await writer.perform(UPDATE, "r")

    assert outcome.outcome is Outcome.DONE
    assert calcom.sent[0].body == {"email": ADA}


def invalid(*properties):
    """Return the details of a 400 about these fields."""
    return {"errors": [{"property": name, "constraints": {"x": "no"}} for name in properties]}


@pytest.mark.parametrize(
    ("refused", "second"),
    [
        (["timeZone"], {"locale": "de"}),
        (["locale"], {"timeZone": "Europe/Rome"}),
        (["locale", "timeZone"], {}),
    ],
)
async def test_a_preference_that_cal_com_refuses_costs_no_account(writer, calcom, refused, second):
    calcom.refuse("POST", f"{ROOT}/users", 400, "BadRequestException", "no", invalid(*refused))
    calcom.answer("POST", f"{ROOT}/users", user_row(42, ADA), status=201)
    action = replace(CREATE, preferences=Preferences("de", "Europe/Rome", ""))

    outcome = await writer.perform(action, "r")

    assert (outcome.outcome, outcome.cal_user) == (Outcome.DONE, 42)
    assert all(f"refused the {name}" in outcome.detail for name in refused)
    rest = {"email": ADA, "organizationRole": "MEMBER", "autoAccept": True}
    assert calcom.sent[1].body == {**rest, **second}


async def test_a_preference_that_cal_com_refuses_costs_no_address(writer, calcom):
    calcom.refuse("PATCH", f"{ROOT}/users/105", 400, "X", "no", invalid("locale"))
    calcom.answer("PATCH", f"{ROOT}/users/105", user_row(105, ADA))

    outcome = await writer.perform(replace(UPDATE, preferences=Preferences("de", None, "")), "r")

    assert outcome.outcome is Outcome.DONE
    assert [sent.body for sent in calcom.sent] == [{"email": ADA, "locale": "de"}, {"email": ADA}]


async def test_preferences_that_are_refused_alone_are_done_without_another_call(writer, calcom):
    calcom.refuse("PATCH", f"{ROOT}/users/105", 400, "X", "no", invalid("locale"))

    outcome = await writer.perform(preferring(Preferences("de", None, "")), "r")

    assert (outcome.outcome, outcome.detail) == (
        Outcome.DONE,
        "Cal.com refused the locale de: left out",
    )
    assert len(calcom.sent) == 1


async def test_a_refusal_of_another_field_is_final(writer, calcom):
    calcom.refuse("POST", f"{ROOT}/users", 400, "X", "no", invalid("email"))

    assert (
        await writer.perform(replace(CREATE, preferences=Preferences("de", None, "")), "r")
    ).outcome is Outcome.REFUSED
    assert len(calcom.sent) == 1


async def test_an_address_that_calcom_does_not_change_is_refused(writer, calcom):
    calcom.answer("PATCH", f"{ROOT}/users/105", user_row(105, "old@acme.example"))

    outcome = await writer.perform(UPDATE, "r")

    assert outcome.outcome is Outcome.REFUSED
    assert "old@acme.example" in outcome.detail


async def test_a_role_in_the_organization_is_changed_on_its_membership(writer, calcom):
    calcom.answer("PATCH", f"{ROOT}/memberships/5", org_row(5, role="ADMIN"))
    action = ChangeOrgRole(ADA, "because", cal_user=105, membership=5, role=Role.ADMIN)

    outcome = await writer.perform(action, "r")

    assert outcome == CallResult(Outcome.DONE, cal_user=105, membership=5, accepted=True)
    assert calcom.sent[0].body == {"role": "ADMIN"}


async def test_a_new_member_is_accepted_at_once(writer, calcom):
    calcom.answer("POST", f"{ROOT}/teams/9/memberships", org_row(5, team=9), status=201)

    outcome = await writer.perform(ADD, "r")

    assert outcome == CallResult(Outcome.DONE, cal_user=105, membership=5, accepted=True)
    assert calcom.sent[0].body == {"userId": 105, "role": "ADMIN", "accepted": True}


@pytest.mark.parametrize("action", [DEPROVISION, REMOVE, ROLE], ids=lambda one: one.kind.value)
async def test_nothing_is_sent_for_a_membership_without_a_known_id(writer, calcom, diary, action):
    from dataclasses import replace

    outcome = await writer.perform(replace(action, membership=0), "r")

    assert outcome.outcome is Outcome.UNKNOWN
    assert (calcom.sent, diary.rows) == ([], [])


# -------------------------------------------------------------------- attaching


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


# -------------------------------------------------------------------- what answers come to

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


async def test_a_throttled_write_says_when_to_come_back(writer, calcom):
    headers = {"X-RateLimit-Remaining-Default": "0", "X-RateLimit-Reset-Default": "33"}
    calcom.refuse("DELETE", f"{ROOT}/memberships/5", 429, headers=headers)

    outcome = await writer.perform(DEPROVISION, "r")

    assert (outcome.outcome, outcome.retry_after) == (Outcome.THROTTLED, 33)


async def test_a_success_that_cannot_be_read_may_have_happened(writer, calcom):
    calcom.answer("POST", f"{ROOT}/users", status=201, body="<html>")

    assert (await writer.perform(CREATE, "r")).outcome is Outcome.UNKNOWN


# ------------------------------------------------------------------ a team, an attribute

OFFICE = Attribute("a1", "Office", "office", AttributeType.SINGLE_SELECT)
TITLE = Attribute("a2", "Title", "title", AttributeType.TEXT)


def told(step: AttributeOp, attribute: Attribute = OFFICE, option: str | None = "o1") -> Action:
    change = AttributeChange(step, attribute, "Köln Süd", option)
    return ChangeAttribute(ADA, "because", cal_user=105, change=change)


async def test_a_team_is_created_with_a_slug_of_its_name(writer, calcom):
    calcom.answer(
        "POST", f"{ROOT}/teams", {"id": 9, "name": "Köln Süd", "slug": "koln-sud"}, status=201
    )

    outcome = await writer.perform(CreateTeam("", "because", team=-1, new_team="Köln Süd"), "r")

    assert (outcome.outcome, outcome.team) == (Outcome.DONE, 9)
    assert calcom.sent[0].body == {"name": "Köln Süd", "slug": "koln-sud"}


@pytest.mark.parametrize(
    ("action", "method", "path", "data", "body", "option"),
    [
        (
            told(AttributeOp.OPTION, option=None),
            "POST",
            "/attributes/a1/options",
            {"id": "o9", "attributeId": "a1", "value": "Köln Süd", "slug": "koln-sud"},
            {"value": "Köln Süd", "slug": "koln-sud"},
            "o9",
        ),
        (
            told(AttributeOp.ASSIGN),
            "POST",
            "/attributes/options/105",
            {"id": "x", "memberId": 5, "attributeOptionId": "o1"},
            {"attributeId": "a1", "attributeOptionId": "o1"},
            "o1",
        ),
        (
            told(AttributeOp.ASSIGN, TITLE, None),
            "POST",
            "/attributes/options/105",
            {"id": "x", "memberId": 5, "attributeOptionId": "o7"},
            {"attributeId": "a2", "value": "Köln Süd"},
            "o7",
        ),
        (
            told(AttributeOp.UNASSIGN),
            "DELETE",
            "/attributes/options/105/o1",
            {"id": "x"},
            None,
            "o1",
        ),
    ],
)
async def test_each_step_of_an_attribute_is_one_call(
    writer, calcom, action, method, path, data, body, option
):
    calcom.answer(method, ROOT + path, data)

    outcome = await writer.perform(action, "r")

    assert (outcome.outcome, outcome.option) == (Outcome.DONE, option)
    assert [(one.method, one.body) for one in calcom.sent] == [(method, body)]


async def test_an_assigned_value_that_exists_is_already_done(writer, calcom):
    calcom.refuse("POST", f"{ROOT}/attributes/options/105", 409)

    outcome = await writer.perform(told(AttributeOp.ASSIGN), "r")

    assert (outcome.outcome, outcome.option) == (Outcome.ALREADY, "o1")


async def test_a_preference_is_sent_without_the_address(writer, calcom):
    calcom.answer("PATCH", f"{ROOT}/users/105", user_row(105, email="another@acme.example"))

    outcome = await writer.perform(preferring(Preferences(None, "Europe/Rome", "")), "r")

    assert outcome.outcome is Outcome.DONE
    assert calcom.sent[0].body == {"timeZone": "Europe/Rome"}
