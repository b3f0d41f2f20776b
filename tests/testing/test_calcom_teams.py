"""The teams and attributes of the simulated Cal.com."""

import pytest

from calscim.testing.calcom import builds
from tests.testing.conftest import ORG, membership

ADA, BOB, OWNER = "ada@acme.example", "bob@acme.example", "owner@acme.example"


async def test_the_keys_user_owns_a_new_team(api, world):
    made = (await api("POST", f"{ORG}/teams", {"name": "New Team"})).data

    assert made["slug"] == "new-team"
    assert world.snapshot()["teams"]["New Team"] == {OWNER: "OWNER"}
    assert (await api("GET", f"{ORG}/teams/{made['id']}")).data["name"] == "New Team"


async def test_a_slug_is_unique(api):
    assert (await api("POST", f"{ORG}/teams", {"name": "x", "slug": "sales"})).status == 409


async def test_a_member_is_added_once(api, world, sales):
    body = {"userId": world.user_id(ADA), "role": "ADMIN", "accepted": True}

    added = await api("POST", sales, body)
    again = await api("POST", sales, body)

    assert (added.status, again.error[:2]) == (201, (409, "CONFLICT"))
    assert world.snapshot()["teams"]["Sales"] == {ADA: "ADMIN"}


async def test_a_new_member_is_pending_by_default(api, world, sales):
    world.auto_accept_domains = frozenset()

    added = (await api("POST", sales, {"userId": world.user_id(ADA), "role": "MEMBER"})).data

    assert added["accepted"] is False


async def test_a_new_member_of_an_accepted_domain_is_always_accepted(api, world, sales):
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


async def test_a_deleted_team_is_not_found(api, world, sales):
    world.remove_team("Sales")

    assert "Team" in (await api("GET", sales)).error[2]


async def test_an_option_is_assigned_once_and_unassigned(api, world):
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
async def test_each_assignment_adds_a_value_and_the_member_shows_the_first(api, world, kind):
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
async def test_an_invalid_number_is_accepted_and_shown_as_null(api, world, value):
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


async def test_attributes_and_their_options_are_created(api):
    body = {"name": "City", "slug": "city", "type": "SINGLE_SELECT", "options": []}
    made = (await api("POST", f"{ORG}/attributes", body)).data
    option = await api(
        "POST", f"{ORG}/attributes/{made['id']}/options", {"value": "Oslo", "slug": "oslo"}
    )

    assert option.data["value"] == "Oslo"
    assert [one["name"] for one in (await api("GET", f"{ORG}/attributes")).data] == ["City"]
