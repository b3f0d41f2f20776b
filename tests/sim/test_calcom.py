"""The simulated Cal.com has the real one's traps. Each answer is checked against its OpenAPI document."""

import pytest

from tests.sim.conftest import ORG

ADA, OWNER = "ada@acme.example", "owner@acme.example"


@pytest.fixture
def sales(world) -> str:
    return f"{ORG}/teams/{world.team_id('Sales')}/memberships"


def membership(world, email: str) -> str:
    found = world.find(world.user_id(email), world.organization_id)
    return f"{ORG}/memberships/{found.id}"


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


async def test_an_organization_without_the_admin_api_is_refused(api, world):
    world.admin_api = False

    assert "Admin API" in (await api("GET", f"{ORG}/teams")).error[2]


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


async def test_older_builds_drop_what_they_do_not_know(api, world):
    world.dialect = "self-hosted"
    body = {"email": "bob@acme.example", "name": "Bob", "skipNotificationEmail": True}
    made = (await api("POST", f"{ORG}/users", body)).data

    assert made["name"] is None
    assert world.mails == ["bob@acme.example"]


@pytest.mark.parametrize(
    ("dialect", "in_org", "expected"),
    [
        ("hosted", True, (400, "BadRequestException", "user_already_invited_or_member")),
        ("hosted", False, (400, "BadRequestException", "user_already_invited_or_member")),
        (
            "self-hosted",
            True,
            (409, "ConflictException", "A user already exists with that email"),
        ),
        (
            "self-hosted",
            False,
            (409, "CONFLICT", "Trying to create a record that already exists."),
        ),
    ],
)
async def test_an_account_that_exists_is_told_in_each_dialect(
    api, world, dialect, in_org, expected
):
    world.dialect = dialect
    world.add_person("bob@acme.example", in_org=in_org)

    answer = await api("POST", f"{ORG}/users", {"email": "Bob@acme.example"})

    assert answer.error == expected


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


async def test_a_locale_that_is_left_out_is_lost(api, world):
    user = f"{ORG}/users/{world.user_id(ADA)}"
    await api("PATCH", user, {"locale": "de"})

    changed = (await api("PATCH", user, {"timeZone": "Asia/Tokyo"})).data

    assert (changed["locale"], changed["timeZone"]) == ("en", "Asia/Tokyo")


async def test_a_weekday_is_more_than_it_can_take(api, world):
    answer = await api("PATCH", f"{ORG}/users/{world.user_id(ADA)}", {"weekday": "Monday"})

    assert (answer.status, answer.body["statusCode"]) == (500, 500)


async def test_an_address_is_changed_on_the_same_account(api, world):
    number = world.user_id(ADA)

    await api("PATCH", f"{ORG}/users/{number}", {"email": "ada.l@acme.example", "locale": "en"})

    assert world.user_id("ada.l@acme.example") == number
    assert world.account(ADA) is None


async def test_somebody_elses_address_cannot_be_taken(api, world):
    answer = await api("PATCH", f"{ORG}/users/{world.user_id(ADA)}", {"email": OWNER})

    assert answer.error[:2] == (409, "CONFLICT")


async def test_people_from_group_sync_cannot_be_changed(api, world):
    number = world.add_person("synced@acme.example", profile=False)

    answer = await api("PATCH", f"{ORG}/users/{number}", {"locale": "en"})

    assert answer.error[:2] == (404, "NOT_FOUND")


async def test_people_outside_the_organization_cannot_be_changed(api, world):
    number = world.add_person("out@acme.example", in_org=False)

    assert (await api("PATCH", f"{ORG}/users/{number}", {"locale": "en"})).status == 403


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


async def test_attaching_by_number_again_changes_the_same_membership(api, world):
    body = {"userId": world.user_id(ADA), "role": "ADMIN", "accepted": True}

    first = (await api("POST", f"{ORG}/memberships", body)).data
    second = (await api("POST", f"{ORG}/memberships", body)).data

    assert first == second


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


async def test_older_builds_know_no_invitation(api, world):
    world.dialect = "self-hosted"
    world.add_person("out@acme.example", in_org=False)

    answer = await api(
        "POST", f"{ORG}/memberships", {"email": "out@acme.example", "role": "MEMBER"}
    )

    assert answer.status == 400


async def test_leaving_ends_every_team_and_keeps_the_account_under_another_name(api, world):
    number = world.user_id(ADA)
    world.put_on_team("Sales", ADA)

    await api("DELETE", membership(world, ADA))

    assert world.snapshot()["teams"]["Sales"] == {}
    assert world.accounts[number].username == f"ada-{number}"
    assert world.accounts[number].profile is False
    assert world.accounts_deleted == 0


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


async def test_a_member_is_read_changed_and_removed(api, world, sales):
    path = f"{sales}/{world.put_on_team('Sales', ADA)}"

    assert (await api("GET", path)).data["role"] == "MEMBER"
    assert (await api("PATCH", path, {"role": "OWNER"})).data["role"] == "OWNER"
    assert (await api("DELETE", path)).status == 200
    assert (await api("DELETE", path)).error[:2] == (404, "NotFoundException")


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


async def test_a_text_is_assigned_by_value_and_shown_with_the_member(api, world):
    attribute = world.add_attribute("Title")
    number = world.add_attribute("Floor", "NUMBER")
    skills = world.add_attribute("Skills", "MULTI_SELECT", ("Go", "C"))
    user = f"{ORG}/attributes/options/{world.user_id(ADA)}"

    await api("POST", user, {"attributeId": attribute, "value": "Countess"})
    await api("POST", user, {"attributeId": number, "value": "3"})
    for value in ("Go", "C"):
        await api("POST", user, {"attributeId": skills, "value": value})
    shown = (await api("GET", membership(world, ADA))).data["attributes"]

    assert [one.get("option") for one in shown] == ["Countess", 3.0, None]
    assert [one["option"] for one in shown[2]["options"]] == ["Go", "C"]


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
