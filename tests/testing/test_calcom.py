"""The simulated Cal.com has the real one's traps. Each answer is checked against its OpenAPI document.

What a real API v2 was recorded to answer is compared in test_story.py and test_calls.py.
"""

import pytest

from calscim.testing.calcom import builds
from calscim.testing.calcom.builds import BEFORE_2025_08_18, HOSTED_2026, SELF_HOSTED_2025_12
from calscim.testing.calcom.calcom import World
from tests.testing.conftest import ORG

ADA, BOB, OWNER = "ada@acme.example", "bob@acme.example", "owner@acme.example"
OLDER = [SELF_HOSTED_2025_12, BEFORE_2025_08_18]
EXISTS = (409, "CONFLICT", "Invalid Input: Trying to create a record that already exists.")


@pytest.fixture
def sales(world) -> str:
    return f"{ORG}/teams/{world.team_id('Sales')}/memberships"


def membership(world, email: str) -> str:
    found = world.find(world.user_id(email), world.organization_id)
    return f"{ORG}/memberships/{found.id}"


def test_no_team_has_the_number_of_the_organization():
    world = World(organization_id=7)

    teams = {world.add_team(f"Team {n}", slug=f"team-{n}") for n in range(20)}

    assert world.organization_id not in world.teams
    assert len(world.teams) == len(teams) == 20


# -------------------------------------------------------------------- who is let in


async def test_the_key_says_whose_it_is(api, world):
    me = (await api("GET", "/v2/me")).data

    assert (me["id"], me["email"], me["organizationId"]) == (world.me, OWNER, 42)


@pytest.mark.parametrize("key", [None, "cal_other"])
async def test_another_key_or_none_is_refused(api, key):
    api.key = key

    assert (await api("GET", f"{ORG}/memberships")).error[:2] == (401, "UnauthorizedException")


async def test_another_organization_is_refused(api):
    answer = await api("GET", "/v2/organizations/43/memberships")

    assert answer.error[:2] == (403, "ForbiddenException")


async def test_a_key_whose_user_is_only_a_member_is_refused(api, world):
    world.set_role(None, OWNER, "MEMBER")

    assert "minimum required role" in (await api("GET", f"{ORG}/teams")).error[2]


async def test_a_key_whose_user_has_left_is_refused_and_has_no_organization(api, world):
    world.remove_from_org(OWNER)

    assert (await api("GET", f"{ORG}/teams")).status == 403
    assert (await api("GET", "/v2/me")).data["organizationId"] is None


@pytest.mark.parametrize(("build", "status"), [(HOSTED_2026, 403), (SELF_HOSTED_2025_12, 200)])
async def test_only_hosted_cal_com_refuses_an_organization_without_the_admin_api(
    api, world, build, status
):
    world.build, world.admin_api = build, False

    assert (await api("GET", f"{ORG}/teams")).status == status


def test_an_unknown_build_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="hosted 2026"):
        World(build="hosted 2025")


async def test_an_unknown_path_is_refused_before_the_key_is_looked_at(api):
    api.key = None

    answer = await api("GET", f"{ORG}/nothing")

    assert answer.error[:2] == (404, "NotFoundException")


async def test_head_is_answered_like_get_without_a_body(api):
    async with api.session.head(
        f"{api.url}/v2/me", headers={"Authorization": "Bearer cal_sim"}
    ) as response:
        assert (response.status, await response.read()) == (200, b"")


# -------------------------------------------------------------------- lists


async def test_lists_have_no_order(api, world):
    for number in range(30):
        world.add_person(f"p{number}@acme.example")

    orders = {
        tuple(row["id"] for row in (await api("GET", f"{ORG}/memberships")).data) for _ in range(5)
    }

    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1


async def test_pages_are_cut_by_take_and_skip(api, world):
    for number in range(5):
        world.add_person(f"p{number}@acme.example")

    first = (await api("GET", f"{ORG}/memberships?take=4&skip=0")).data
    second = (await api("GET", f"{ORG}/memberships?take=4&skip=4")).data

    assert (len(first), len(second)) == (4, 3)
    assert len({row["id"] for row in first + second}) == 7


async def test_shuffled_pages_repeat_and_miss_rows(api, world, simulation):
    simulation.shuffled = True
    for number in range(50):
        world.add_person(f"p{number}@acme.example")

    pages = [(await api("GET", f"{ORG}/memberships?take=26&skip={skip}")).data for skip in (0, 26)]

    assert len({row["id"] for page in pages for row in page}) < 52


@pytest.mark.parametrize("query", ["take=0", "take=251", "skip=-1", "take=x"])
async def test_take_and_skip_have_limits(api, query):
    assert (await api("GET", f"{ORG}/memberships?{query}")).status == 400


async def test_every_field_that_fails_is_in_the_error(api):
    answer = await api("GET", f"{ORG}/memberships?take=0&skip=-1")

    errors = answer.body["error"]["details"]["errors"]
    assert {one["property"]: one["constraints"] for one in errors} == {
        "take": {"min": "take must not be less than 1"},
        "skip": {"min": "skip must not be less than 0"},
    }


@pytest.mark.parametrize("build", builds.NAMES)
async def test_the_list_of_teams_ignores_take_and_skip_unless_the_world_pages_teams(
    api, world, build
):
    world.build = build
    for number in range(4):
        world.add_team(f"Team {number}")

    ignored = (await api("GET", f"{ORG}/teams?take=2&skip=1000")).data
    world.pages_teams = True
    paged = (await api("GET", f"{ORG}/teams?take=2&skip=4")).data

    assert (len(ignored), len(paged)) == (5, 1)


async def test_users_are_filtered_by_team(api, world):
    world.put_on_team("Sales", ADA)

    found = (await api("GET", f"{ORG}/users?teamIds={world.team_id('Sales')}")).data

    assert [row["email"] for row in found] == [ADA]


@pytest.mark.parametrize(
    "query", [f"emails={ADA}&emails={OWNER}", f"emails[]={ADA}&emails[]={OWNER}"]
)
async def test_several_addresses_are_asked_for_by_repeating_the_parameter(api, world, query):
    world.add_person(BOB)

    assert len((await api("GET", f"{ORG}/users?{query}")).data) == 2
    assert (await api("GET", f"{ORG}/users?emails={ADA},{OWNER}")).status == 400


async def test_people_without_a_profile_are_no_users(api, world):
    world.add_person("pending@acme.example", accepted=False)

    users = (await api("GET", f"{ORG}/users?take=1000")).data
    people = (await api("GET", f"{ORG}/memberships")).data

    assert (len(users), len(people)) == (2, 3)


async def test_the_filter_by_address_minds_the_case(api):
    assert len((await api("GET", f"{ORG}/users?emails={ADA}")).data) == 1
    assert len((await api("GET", f"{ORG}/users?emails={ADA.upper()}")).data) == 0


# -------------------------------------------------------------------- users


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
async def test_older_builds_drop_what_they_do_not_know(api, world, build):
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
async def test_an_account_that_exists_is_told_as_each_build_tells_it(
    api, world, build, there, expected
):
    world.build = build
    world.add_person(BOB, **there)

    answer = await api("POST", f"{ORG}/users", {"email": "Bob@acme.example"})

    assert answer.error == expected


@pytest.mark.parametrize("build", builds.NAMES)
async def test_an_account_stored_in_mixed_case_is_made_a_second_time(api, world, build):
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


async def test_what_is_left_out_is_kept(api, world):
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


async def test_somebody_elses_address_cannot_be_taken(api, world):
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


# -------------------------------------------------------------------- the organization's memberships


async def test_attaching_by_number_makes_no_profile_and_shuts_the_teams(api, world, sales):
    number = world.add_person("out@acme.example", in_org=False)
    body = {"userId": number, "role": "MEMBER", "accepted": True}

    row = (await api("POST", f"{ORG}/memberships", body)).data
    refused = await api("POST", sales, body)

    assert row["accepted"] is True
    assert refused.error == (
        422,
        "UnprocessableEntityException",
        "User is not part of the Organization",
    )


@pytest.mark.parametrize("build", builds.NAMES)
async def test_attaching_by_number_again_sets_the_role_and_the_acceptance_again(api, world, build):
    world.build = build
    body = {"userId": world.user_id(ADA), "role": "ADMIN", "accepted": True}

    first = (await api("POST", f"{ORG}/memberships", body)).data
    second = (await api("POST", f"{ORG}/memberships", {"userId": world.user_id(ADA)})).data

    assert first["id"] == second["id"]
    assert (first["role"], first["accepted"]) == ("ADMIN", True)
    assert (second["role"], second["accepted"]) == ("MEMBER", False)


async def test_a_half_member_has_nothing_to_accept_until_the_membership_is_pending(
    api, world, sales
):
    number = world.add_person(BOB, in_org=False)
    await api("POST", f"{ORG}/memberships", {"userId": number, "accepted": True})
    with pytest.raises(AssertionError, match="no invitation"):
        world.accept(BOB)

    await api("POST", f"{ORG}/memberships", {"userId": number, "accepted": False})
    world.accept(BOB)

    assert (await api("POST", sales, {"userId": number, "accepted": True})).status == 201


async def test_accepting_over_the_api_makes_no_profile(api, world, sales):
    number = world.add_person(BOB, accepted=False)

    await api("PATCH", membership(world, BOB), {"accepted": True})

    assert (await api("POST", sales, {"userId": number, "accepted": True})).status == 422


async def test_nobody_of_that_number_can_be_attached(api):
    answer = await api("POST", f"{ORG}/memberships", {"userId": 4711, "role": "MEMBER"})

    assert answer.error[:2] == (400, "BAD_REQUEST")


async def test_an_invitation_to_an_accepted_domain_is_accepted_with_a_profile(api, world, sales):
    world.auto_accept_domains = frozenset({"acme.example"})
    number = world.add_person("out@acme.example", in_org=False)

    row = await api("POST", f"{ORG}/memberships", {"email": "out@acme.example", "role": "MEMBER"})
    member = await api("POST", sales, {"userId": number, "role": "MEMBER"})

    assert (row.data["accepted"], member.data["accepted"]) == (True, True)


async def test_an_invitation_elsewhere_is_pending_until_it_is_accepted(api, world, sales):
    world.auto_accept_domains = frozenset({"acme.example"})
    number = world.add_person("guest@else.example", in_org=False)
    body = {"email": "guest@else.example", "role": "MEMBER"}

    row = (await api("POST", f"{ORG}/memberships", body)).data
    before = await api("POST", sales, {"userId": number, "role": "MEMBER", "accepted": True})
    world.accept("guest@else.example")
    after = await api("POST", sales, {"userId": number, "role": "MEMBER", "accepted": True})

    assert (row["accepted"], before.status, after.status) == (False, 422, 201)


async def test_an_invitation_needs_an_account_that_is_not_a_member(api):
    unknown = await api("POST", f"{ORG}/memberships", {"email": "x@acme.example", "role": "MEMBER"})
    member = await api("POST", f"{ORG}/memberships", {"email": ADA, "role": "MEMBER"})

    assert (unknown.status, member.error[2]) == (404, "user_already_invited_or_member")


@pytest.mark.parametrize("build", OLDER)
async def test_older_builds_know_no_invitation(api, world, build):
    world.build = build
    world.add_person("out@acme.example", in_org=False)

    answer = await api(
        "POST", f"{ORG}/memberships", {"email": "out@acme.example", "role": "MEMBER"}
    )

    [error] = answer.body["error"]["details"]["errors"]
    assert error["constraints"] == {"isInt": "userId must be an integer number"}


@pytest.mark.parametrize("build", [HOSTED_2026, SELF_HOSTED_2025_12])
async def test_leaving_ends_every_team_and_keeps_the_account_under_another_name(api, world, build):
    world.build = build
    number = world.user_id(ADA)
    world.put_on_team("Sales", ADA)

    await api("DELETE", membership(world, ADA))

    assert world.snapshot()["teams"]["Sales"] == {}
    assert world.accounts[number].username == f"ada-{number}"
    assert world.accounts[number].profile is False
    assert world.accounts_deleted == 0


async def test_before_2025_08_18_leaving_ends_only_the_membership(api, world):
    world.build = BEFORE_2025_08_18
    world.put_on_team("Sales", ADA)

    await api("DELETE", membership(world, ADA))

    assert ADA not in world.snapshot()["people"]
    assert world.snapshot()["teams"]["Sales"] == {ADA: "MEMBER"}
    assert (world.account(ADA).username, world.account(ADA).profile) == ("ada", True)


async def test_the_last_owner_is_not_protected(api, world):
    assert (await api("DELETE", membership(world, OWNER))).status == 200
    assert OWNER not in world.snapshot()["people"]


async def test_a_membership_that_is_gone_is_not_found(api, world):
    path = membership(world, ADA)
    await api("DELETE", path)

    assert [(await api(method, path)).status for method in ("GET", "DELETE")] == [404, 404]
    assert (await api("PATCH", path, {"role": "ADMIN"})).error[:2] == (404, "NotFoundException")


async def test_a_team_membership_is_not_one_of_the_organization(api, world):
    number = world.put_on_team("Sales", ADA)

    assert (await api("DELETE", f"{ORG}/memberships/{number}")).status == 404


async def test_roles_and_acceptance_are_changed(api, world):
    changed = (
        await api("PATCH", membership(world, ADA), {"role": "ADMIN", "accepted": False})
    ).data

    assert (changed["role"], changed["accepted"]) == ("ADMIN", False)
    assert world.snapshot()["pending"] == [ADA]


# -------------------------------------------------------------------- teams


async def test_the_keys_user_owns_a_new_team(api, world):
    made = (await api("POST", f"{ORG}/teams", {"name": "New Team"})).data

    assert made["slug"] == "new-team"
    assert world.snapshot()["teams"]["New Team"] == {OWNER: "OWNER"}
    assert (await api("GET", f"{ORG}/teams/{made['id']}")).data["name"] == "New Team"


async def test_a_slug_is_taken_once(api):
    assert (await api("POST", f"{ORG}/teams", {"name": "x", "slug": "sales"})).status == 409


async def test_a_member_is_added_once(api, world, sales):
    body = {"userId": world.user_id(ADA), "role": "ADMIN", "accepted": True}

    added = await api("POST", sales, body)
    again = await api("POST", sales, body)

    assert (added.status, again.error[:2]) == (201, (409, "CONFLICT"))
    assert world.snapshot()["teams"]["Sales"] == {ADA: "ADMIN"}


async def test_a_new_member_is_pending_unless_told_otherwise(api, world, sales):
    world.auto_accept_domains = frozenset()

    added = (await api("POST", sales, {"userId": world.user_id(ADA), "role": "MEMBER"})).data

    assert added["accepted"] is False


async def test_a_new_member_of_an_accepted_domain_is_accepted_whatever_is_sent(api, world, sales):
    world.auto_accept_domains = frozenset({"acme.example"})

    added = (await api("POST", sales, {"userId": world.user_id(ADA), "accepted": False})).data

    assert (added["accepted"], added["role"]) == (True, "MEMBER")


@pytest.mark.parametrize("build", builds.NAMES)
async def test_a_team_is_open_to_everyone_with_a_profile_and_to_them_only(api, world, sales, build):
    world.build = build
    people = {
        "pending": world.add_person("p@acme.example", accepted=False, profile=True),
        "invited": world.add_person("i@acme.example", accepted=False),
        "half": world.add_person("h@acme.example", profile=False),
        "outside": world.add_person("o@acme.example", in_org=False),
        "nobody": 4711,
    }

    statuses = {
        name: (await api("POST", sales, {"userId": number})).status
        for name, number in people.items()
    }

    assert statuses == {"pending": 201, "invited": 422, "half": 422, "outside": 422, "nobody": 422}


async def test_a_pending_member_of_a_team_is_accepted(api, world, sales):
    path = f"{sales}/{world.put_on_team('Sales', ADA, accepted=False)}"

    assert (await api("GET", path)).data["accepted"] is False
    assert (await api("PATCH", path, {"accepted": True})).data["accepted"] is True


async def test_a_member_is_read_changed_and_removed(api, world, sales):
    path = f"{sales}/{world.put_on_team('Sales', ADA)}"

    assert (await api("GET", path)).data["role"] == "MEMBER"
    assert (await api("PATCH", path, {"role": "OWNER"})).data["role"] == "OWNER"
    assert (await api("DELETE", path)).status == 200
    assert (await api("DELETE", path)).error[2].startswith("Membership with id")


async def test_a_team_is_renamed_and_deleted(api, world, sales):
    world.put_on_team("Sales", ADA)
    path = f"{ORG}/teams/{world.team_id('Sales')}"

    renamed = (await api("PATCH", path, {"name": "Selling"})).data
    deleted = await api("DELETE", path)

    assert (renamed["name"], renamed["slug"], deleted.status) == ("Selling", "sales", 200)
    assert (await api("GET", path)).status == 404
    assert world.teams == {}


async def test_the_keys_user_waits_on_a_new_team_that_does_not_accept_its_creator(api, world):
    await api("POST", f"{ORG}/teams", {"name": "New", "autoAcceptCreator": False})

    assert world.find(world.me, world.team_id("New")).accepted is False


async def test_a_team_that_is_gone_is_not_found(api, world, sales):
    world.remove_team("Sales")

    assert "Team" in (await api("GET", sales)).error[2]


# -------------------------------------------------------------------- attributes


async def test_an_option_is_assigned_once_and_taken_away(api, world):
    attribute = world.add_attribute("Office", "SINGLE_SELECT", ("Berlin", "Oslo"))
    user = f"{ORG}/attributes/options/{world.user_id(ADA)}"
    [berlin, _] = (await api("GET", f"{ORG}/attributes/{attribute}/options")).data
    body = {"attributeId": attribute, "attributeOptionId": berlin["id"]}

    assert (await api("POST", user, body)).status == 201
    assert (await api("POST", user, body)).status == 409
    assert world.values(ADA) == {"Office": ["Berlin"]}
    assert [one["value"] for one in (await api("GET", user)).data] == ["Berlin"]
    assert (await api("DELETE", f"{user}/{berlin['id']}")).status == 200
    assert (await api("DELETE", f"{user}/{berlin['id']}")).status == 404
    assert world.values(ADA) == {}


async def test_values_are_shown_with_the_member(api, world):
    attribute = world.add_attribute("Title")
    number = world.add_attribute("Floor", "NUMBER")
    skills = world.add_attribute("Skills", "MULTI_SELECT", ("Go", "C"))
    user = f"{ORG}/attributes/options/{world.user_id(ADA)}"

    await api("POST", user, {"attributeId": attribute, "value": "Countess"})
    await api("POST", user, {"attributeId": number, "value": "3"})
    for option in world.attributes[skills].options:
        await api("POST", user, {"attributeId": skills, "attributeOptionId": option})
    shown = (await api("GET", membership(world, ADA))).data["attributes"]

    assert [(one["type"], one.get("option")) for one in shown] == [
        ("text", "Countess"),
        ("number", 3),
        ("multiSelect", None),
    ]
    assert [one["option"] for one in shown[2]["options"]] == ["Go", "C"]


@pytest.mark.parametrize("kind", ["TEXT", "NUMBER"])
async def test_each_value_is_one_more_and_only_the_first_is_shown_with_the_member(api, world, kind):
    attribute = world.add_attribute("Floor", kind)
    user = f"{ORG}/attributes/options/{world.user_id(ADA)}"

    for value in ("3", "3", "4"):
        assert (await api("POST", user, {"attributeId": attribute, "value": value})).status == 201
    [shown] = (await api("GET", membership(world, ADA))).data["attributes"]
    options = (await api("GET", user)).data

    assert [option["value"] for option in options] == ["3", "3", "4"]
    assert (str(shown["option"]), shown["optionId"]) == ("3", options[0]["id"])

    await api("DELETE", f"{user}/{options[0]['id']}")
    [shown] = (await api("GET", membership(world, ADA))).data["attributes"]
    assert shown["optionId"] == options[1]["id"]


@pytest.mark.parametrize("value", ["seven", "nan", "inf"])
async def test_a_number_that_is_none_is_taken_and_shown_as_null(api, world, value):
    attribute = world.add_attribute("Floor", "NUMBER")
    world.set_attribute(ADA, "Floor", value)

    rows = (await api("GET", f"{ORG}/memberships")).data

    [shown] = [held for row in rows for held in row["attributes"]]
    assert (shown["id"], shown["option"]) == (attribute, None)


async def test_a_single_selection_takes_a_second_option(api, world):
    attribute = world.add_attribute("Office", "SINGLE_SELECT", ("Berlin", "Oslo"))
    user = f"{ORG}/attributes/options/{world.user_id(ADA)}"

    for option in world.attributes[attribute].options:
        body = {"attributeId": attribute, "attributeOptionId": option}
        assert (await api("POST", user, body)).status == 201

    [shown] = (await api("GET", membership(world, ADA))).data["attributes"]
    assert shown["option"] == "Berlin"
    assert world.values(ADA) == {"Office": ["Berlin", "Oslo"]}


async def test_a_selection_can_have_the_same_option_twice(api, world):
    attribute = world.add_attribute("Office", "SINGLE_SELECT", ("Oslo",))

    body = {"value": "Oslo", "slug": "oslo"}
    again = await api("POST", f"{ORG}/attributes/{attribute}/options", body)

    assert again.status == 201
    assert list(world.attributes[attribute].options.values()) == ["Oslo", "Oslo"]


async def test_an_attribute_that_is_not_there_is_null_and_has_no_options(api):
    assert (await api("GET", f"{ORG}/attributes/nope")).data is None
    assert (await api("GET", f"{ORG}/attributes/nope/options")).data == []


async def test_neither_option_nor_value_is_more_than_it_can_take(api, world):
    attribute = world.add_attribute("Title")

    answer = await api(
        "POST", f"{ORG}/attributes/options/{world.user_id(ADA)}", {"attributeId": attribute}
    )

    assert answer.status == 500


async def test_pending_people_have_no_attributes(api, world):
    attribute = world.add_attribute("Title")
    number = world.add_person("pending@acme.example", accepted=False)
    body = {"attributeId": attribute, "value": "x"}

    assert (await api("POST", f"{ORG}/attributes/options/{number}", body)).status == 404


async def test_attributes_and_their_options_are_made(api):
    body = {"name": "City", "slug": "city", "type": "SINGLE_SELECT", "options": []}
    made = (await api("POST", f"{ORG}/attributes", body)).data
    option = await api(
        "POST", f"{ORG}/attributes/{made['id']}/options", {"value": "Oslo", "slug": "oslo"}
    )

    assert option.data["value"] == "Oslo"
    assert [one["name"] for one in (await api("GET", f"{ORG}/attributes")).data] == ["City"]
