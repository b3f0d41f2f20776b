"""The users of the simulated Cal.com."""

import pytest

from calscim.testing.calcom import builds
from calscim.testing.calcom.builds import HOSTED_2026
from tests.testing.conftest import EXISTS, OLDER, ORG

ADA, BOB, OWNER = "ada@acme.example", "bob@acme.example", "owner@acme.example"


async def test_a_new_user_is_in_the_organization_with_a_profile(api, world):
    body = {"email": "bob@acme.example", "name": "Bob", "locale": "de", "autoAccept": True}
    made = (await api("POST", f"{ORG}/users", body)).data

    assert (made["name"], made["locale"]) == ("Bob", "de")
    assert world.snapshot()["people"]["bob@acme.example"] == "MEMBER"
    assert world.mails == ["bob@acme.example"]


async def test_a_quiet_user_gets_no_mail(api, world):
    await api("POST", f"{ORG}/users", {"email": "bob@acme.example", "skipNotificationEmail": True})

    assert world.mails == []


@pytest.mark.parametrize("build", OLDER)
async def test_older_builds_ignore_unknown_fields(api, world, build):
    world.build = build
    body = {"email": BOB, "name": "Bob", "skipNotificationEmail": True}
    made = (await api("POST", f"{ORG}/users", body)).data

    assert made["name"] is None
    assert world.mails == [BOB]


async def test_a_new_user_is_stored_in_lower_case_without_a_locale_of_its_own(api):
    made = (await api("POST", f"{ORG}/users", {"email": "Bob@Acme.example"})).data

    assert (made["email"], made["locale"], made["username"]) == (BOB, None, "bob-acme")


@pytest.mark.parametrize("build", builds.NAMES)
async def test_a_user_who_is_not_accepted_is_pending_with_a_profile(api, world, sales, build):
    world.build = build
    made = (await api("POST", f"{ORG}/users", {"email": BOB, "autoAccept": False})).data

    added = await api("POST", sales, {"userId": made["id"], "accepted": True})

    assert world.snapshot()["pending"] == [BOB]
    assert added.status == 201


INVITED = (400, "BadRequestException", "user_already_invited_or_member")
MEMBER = (409, "ConflictException", "A user already exists with that email")


@pytest.mark.parametrize(
    ("build", "there", "expected"),
    [
        (HOSTED_2026, {}, INVITED),
        (HOSTED_2026, {"in_org": False}, INVITED),
        *((build, {}, MEMBER) for build in OLDER),
        *((build, {"accepted": False, "profile": True}, MEMBER) for build in OLDER),
        *((build, {"in_org": False}, EXISTS) for build in OLDER),
        *((build, {"accepted": False}, EXISTS) for build in OLDER),
        *((build, {"profile": False}, EXISTS) for build in OLDER),
    ],
)
async def test_an_existing_account_has_the_error_of_each_build(api, world, build, there, expected):
    world.build = build
    world.add_person(BOB, **there)

    answer = await api("POST", f"{ORG}/users", {"email": "Bob@acme.example"})

    assert answer.error == expected


@pytest.mark.parametrize("build", builds.NAMES)
async def test_an_account_stored_in_mixed_case_is_created_a_second_time(api, world, build):
    world.build = build
    first = world.add_person("Bob@acme.example", in_org=False)

    second = (await api("POST", f"{ORG}/users", {"email": "Bob@acme.example"})).data

    assert second["id"] != first
    assert [world.user_id(email) for email in ("Bob@acme.example", BOB)] == [first, second["id"]]


@pytest.mark.parametrize(("build", "status"), [(HOSTED_2026, 201), *((b, 400) for b in OLDER)])
async def test_older_builds_cannot_take_a_username(api, world, build, status):
    world.build = build

    answer = await api("POST", f"{ORG}/users", {"email": BOB, "username": "bobby"})

    assert answer.status == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "nobody"},
        {"email": "b@acme.example", "name": "x" * 51},
        {"email": "b@acme.example", "organizationRole": "BOSS"},
        {"email": "b@acme.example", "autoAccept": "yes"},
    ],
)
async def test_a_user_that_does_not_validate_is_refused_with_its_fields(api, body):
    answer = await api("POST", f"{ORG}/users", body)

    assert answer.status == 400
    assert answer.body["error"]["details"]["errors"][0]["constraints"]


async def test_missing_fields_are_kept(api, world):
    user = f"{ORG}/users/{world.user_id(ADA)}"
    await api("PATCH", user, {"locale": "de"})

    changed = (await api("PATCH", user, {"timeZone": "Asia/Tokyo"})).data

    assert (changed["locale"], changed["timeZone"]) == ("de", "Asia/Tokyo")


@pytest.mark.parametrize("locale", ["en-US", "de-AT", "EN", "", "he", 7])
async def test_only_the_locales_of_cal_coms_list_can_be_set(api, world, locale):
    answer = await api("PATCH", f"{ORG}/users/{world.user_id(ADA)}", {"locale": locale})

    [error] = answer.body["error"]["details"]["errors"]
    assert error["constraints"] == {"localeValidator": "Please include a valid locale"}
    assert world.account(ADA).locale == "en"


async def test_a_locale_is_cleared_with_null(api, world):
    changed = await api("PATCH", f"{ORG}/users/{world.user_id(ADA)}", {"locale": None})

    assert changed.data["locale"] is None


@pytest.mark.parametrize("locale", ["en-US", "xx-YY"])
async def test_a_new_user_has_any_locale_that_is_sent(api, locale):
    made = await api("POST", f"{ORG}/users", {"email": BOB, "locale": locale})

    assert made.data["locale"] == locale


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("america/new_york", "America/New_York"),
        ("AMERICA/ARGENTINA/BUENOS_AIRES", "America/Argentina/Buenos_Aires"),
        ("utc", "UTC"),
        ("etc/gmt+1", "Etc/GMT+1"),
        ("Asia/Calcutta", "Asia/Calcutta"),
    ],
)
async def test_the_case_of_a_time_zone_is_corrected(api, world, sent, kept):
    changed = await api("PATCH", f"{ORG}/users/{world.user_id(ADA)}", {"timeZone": sent})

    assert changed.data["timeZone"] == kept


@pytest.mark.parametrize(
    "sent",
    ["US/Pacific", "Pacific Standard Time", "Europe/Kyiv", "America/Port-au-Prince", "EST5EDT", ""],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_time_zones_that_cal_com_does_not_find_are_refused(api, world, method, sent):
    path = f"{ORG}/users" if method == "POST" else f"{ORG}/users/{world.user_id(ADA)}"

    answer = await api(method, path, {"email": BOB, "timeZone": sent})

    [error] = answer.body["error"]["details"]["errors"]
    assert (answer.status, error["property"]) == (400, "timeZone")
    assert error["constraints"] == {"timezoneValidator": "Please include a valid time zone"}


async def test_a_name_and_a_week_start_are_dropped_silently(api, world):
    user = f"{ORG}/users/{world.user_id(ADA)}"

    changed = (await api("PATCH", user, {"name": "Countess", "weekStart": "Monday"})).data

    assert (changed["name"], changed["weekStart"]) == ("Ada", "Sunday")


async def test_a_weekday_is_more_than_it_can_take(api, world):
    answer = await api("PATCH", f"{ORG}/users/{world.user_id(ADA)}", {"weekday": "Monday"})

    assert answer.error[:2] == (500, "INTERNAL_SERVER_ERROR")


async def test_an_address_is_changed_on_the_same_account_in_lower_case(api, world):
    number = world.user_id(ADA)

    await api("PATCH", f"{ORG}/users/{number}", {"email": "Ada.L@Acme.example"})

    assert world.stored("ada.l@acme.example").id == number
    assert world.account(ADA) is None


async def test_the_address_of_another_account_is_refused(api, world):
    answer = await api("PATCH", f"{ORG}/users/{world.user_id(ADA)}", {"email": OWNER})

    assert answer.error[:2] == (409, "CONFLICT")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("there", [{"profile": False}, {"accepted": False}, {"in_org": False}])
async def test_people_without_a_profile_cannot_be_changed_or_deleted(api, world, method, there):
    number = world.add_person(BOB, **there)

    answer = await api(method, f"{ORG}/users/{number}", {"locale": "en"})

    assert answer.error[:2] == (403, "ForbiddenException")
    assert answer.error[2].startswith("IsUserInOrg")
    assert world.accounts_deleted == 0


async def test_deleting_a_user_deletes_the_account_and_is_counted(api, world):
    await api("DELETE", f"{ORG}/users/{world.user_id(ADA)}")

    assert world.account(ADA) is None
    assert world.accounts_deleted == 1
