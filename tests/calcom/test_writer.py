"""The writer: the request of each action, its recorded attempt, and the outcome of each response."""

import asyncio
from dataclasses import replace

import pytest

from calscim.calcom.writer import INTERRUPTED, CallResult, Writer
from calscim.planner.actions import (
    ChangeOrgRole,
    ChangePreferences,
    CreateUser,
    Outcome,
)
from calscim.planner.people.user_preferences import Preferences
from calscim.planner.roles import Role
from tests.calcom.conftest import ROOT, Diary, org_row, user_row
from tests.calcom.prepared_actions import (
    ADA,
    ADD,
    CREATE,
    DEPROVISION,
    HALF_MEMBER,
    KNOWN,
    REMOVE,
    ROLE,
    UPDATE,
    invalid,
)


def preferring(preferences: Preferences) -> ChangePreferences:
    return ChangePreferences(ADA, "because", cal_user=105, preferences=preferences)


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


LOCAL = replace(CREATE, preferences=Preferences("en", None, ""))


@pytest.mark.parametrize(
    ("action", "method", "path", "status"),
    [
        (LOCAL, "POST", "/users", 400),
        (KNOWN, "POST", "/memberships", 400),
        (HALF_MEMBER, "PATCH", "/users/105", 403),
    ],
)
async def test_no_second_call_is_sent_when_the_lease_is_over(
    client, calcom, clock, action, method, path, status
):
    """The first call used up the budget, and the wait for the second one outlasts the lease."""

    class Expiring(Diary):
        async def begin(self, action, request_id):
            self.until = clock.monotonic() + 15
            return await super().begin(action, request_id)

        async def confirm(self):
            if clock.monotonic() >= self.until:
                raise RuntimeError("the lease is over")

    calcom.refuse(
        method,
        ROOT + path,
        status,
        message="IsUserInOrg - user is not part of the org",
        details=invalid("locale"),
        headers={
            "X-RateLimit-Limit-Default": "120",
            "X-RateLimit-Remaining-Default": "0",
            "X-RateLimit-Reset-Default": "60",
        },
    )
    diary = Expiring(calcom)

    with pytest.raises(RuntimeError, match="the lease is over"):
        await Writer(client, diary).perform(action, "r")

    assert len(calcom.sent) == 1
    assert diary.outcomes == [INTERRUPTED]


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


async def test_a_preference_is_sent_without_the_address(writer, calcom):
    calcom.answer("PATCH", f"{ROOT}/users/105", user_row(105, email="another@acme.example"))

    outcome = await writer.perform(preferring(Preferences(None, "Europe/Rome", "")), "r")

    assert outcome.outcome is Outcome.DONE
    assert calcom.sent[0].body == {"timeZone": "Europe/Rome"}
