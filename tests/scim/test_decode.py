"""Bodies of POST and PUT, and the resources that are stored."""

import copy

import pytest

from calscim.errors import ScimError
from calscim.scim import decode
from calscim.scim.emails import account_email, email_keys
from calscim.scim.schema import ENTERPRISE_URN, GROUP_URN, USER_URN

CUSTOM = "urn:example:params:scim:schemas:extension:hr:2.0:User"


def user(**more):
    return decode.user({"userName": "ada@example.com", **more})


def refused(body, *, of=decode.user):
    with pytest.raises(ScimError) as caught:
        of(body)
    assert caught.value.status == 400
    return caught.value


# ------------------------------------------------------------------ names and schemas


def test_names_in_any_case_become_the_schemas():
    made = decode.user(
        {"USERNAME": "ada", "Name": {"GIVENNAME": "Ada"}, "EMAILS": [{"VALUE": "a@b.c"}]}
    )

    assert made["userName"] == "ada"
    assert made["name"] == {"givenName": "Ada"}
    assert made["emails"] == [{"value": "a@b.c"}]


def test_the_case_of_a_user_name_is_kept():
    assert user(userName="Ada@Example.com")["userName"] == "Ada@Example.com"


def test_schemas_list_the_extensions_of_the_resource():
    assert user()["schemas"] == [USER_URN]
    assert user(schemas=["nonsense"], **{ENTERPRISE_URN: {"department": "R&D"}})["schemas"] == [
        USER_URN,
        ENTERPRISE_URN,
    ]
    assert user(schemas=[USER_URN, ENTERPRISE_URN], **{ENTERPRISE_URN: {}})["schemas"] == [USER_URN]


def test_an_extension_is_found_by_its_urn_in_any_case():
    assert user(**{ENTERPRISE_URN.upper(): {"DEPARTMENT": "R&D"}})[ENTERPRISE_URN] == {
        "department": "R&D"
    }


def test_an_unknown_extension_is_kept_as_it_came():
    given = {"Shoe": {"size": [42, None, True]}}

    made = user(**{CUSTOM: given})

    assert made[CUSTOM] == given
    assert made["schemas"] == [USER_URN, CUSTOM]


def test_attributes_under_the_core_schemas_urn_are_the_users_own():
    made = decode.user({USER_URN: {"userName": "ada", "title": "Countess"}, "title": "Lady"})

    assert (made["userName"], made["title"]) == ("ada", "Lady")
    assert made["schemas"] == [USER_URN]


def test_unknown_and_read_only_attributes_and_the_password_are_left_out():
    made = user(
        id="x", meta={"version": "1"}, groups=[{"value": "g"}], password="secret", shoeSize=42
    )

    assert made.keys() == {"schemas", "userName", "active"}


def test_a_payload_is_not_changed_by_reading_it():
    body = {
        "userName": "ada",
        "email": "a@b.c",
        "emails": [{"value": "x@y.z", "primary": True}],
        CUSTOM: {"a": 1},
    }
    before = copy.deepcopy(body)

    decode.user(body)

    assert body == before


# ------------------------------------------------------------------ values


@pytest.mark.parametrize("nothing", [None, "", []])
@pytest.mark.parametrize("name", ["title", "name", "emails", "externalId", ENTERPRISE_URN])
def test_null_and_empty_values_are_absent(name, nothing):
    assert name not in user(**{name: nothing})


def test_empty_parts_are_absent_and_take_their_whole_along():
    assert "name" not in user(name={"givenName": "", "familyName": None})
    assert user(name={"givenName": "Ada", "familyName": ""})["name"] == {"givenName": "Ada"}


@pytest.mark.parametrize("value", [None, "", []])
def test_an_address_without_a_value_is_no_address(value):
    assert "emails" not in user(emails=[{"type": "work", "primary": True, "value": value}, None])


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (True, True),
        (False, False),
        ("True", True),
        ("False", False),
        ("true", True),
        ("FALSE", False),
    ],
)
def test_booleans_are_understood_as_texts_too(given, stored):
    assert user(active=given)["active"] is stored


def test_a_user_is_active_by_default():
    assert user()["active"] is True
    assert user(active=None)["active"] is True


@pytest.mark.parametrize("given", [{}, {"active": None}, {"active": ""}, {"active": []}])
def test_an_unassigned_active_is_left_to_the_caller(given):
    assert "active" not in decode.user({"userName": "ada"} | given, active=None)


def test_the_last_primary_address_is_the_one():
    made = user(emails=[{"value": "a@b.c", "primary": "True"}, {"value": "d@e.f", "primary": True}])

    assert [one["primary"] for one in made["emails"]] == [False, True]


def test_a_value_that_is_given_twice_is_stored_once():
    assert user(emails=[{"value": "a@b.c"}, {"value": "a@b.c"}])["emails"] == [{"value": "a@b.c"}]


def test_addresses_may_be_bare_texts():
    assert user(emails=["a@b.c", "d@e.f"])["emails"] == [{"value": "a@b.c"}, {"value": "d@e.f"}]
    assert user(emails="a@b.c")["emails"] == [{"value": "a@b.c"}]


def test_a_manager_may_be_a_bare_id():
    assert user(**{ENTERPRISE_URN: {"manager": "26118915"}})[ENTERPRISE_URN] == {
        "manager": {"value": "26118915"}
    }


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"active": "maybe"}, "active"),
        ({"active": 1}, "active"),
        ({"name": "Ada"}, "name"),
        ({"name": {"givenName": {"x": 1}}}, "name.givenName"),
        ({"emails": [5]}, "emails"),
        ({"emails": [{"value": ["a", "b"]}]}, "emails.value"),
        ({"title": True}, "title"),
        ({"externalId": 1.0345678901234568e20}, "externalId"),
        ({"title": ["a", "b"]}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "a" * 8193}, "title"),
        ({CUSTOM: {"a": ["b\x00"]}}, CUSTOM),
        ({CUSTOM: {"a\x00": 1}}, CUSTOM),
        ({CUSTOM + "\x00": {"a": 1}}, CUSTOM),
        ({"emails": [{"value": f"{n}@b.c"} for n in range(501)]}, "emails"),
        ({"emails": [{"value": "é" * 2000}]}, "emails.value"),
        ({"externalId": "e" * 2049}, "externalId"),
        ({"userName": "u" * 1025}, "userName"),
        ({"userName": "\U00010400" * 600}, "userName"),
    ],
)
def test_a_wrong_value_is_refused_by_name(body, named):
    error = refused({"userName": "ada", **body})

    assert error.scim_type == "invalidValue"
    assert named.rstrip("\x00") in error.detail


@pytest.mark.parametrize("name", [None, "", "   ", [], {"x": 1}, True])
def test_a_user_needs_a_name(name):
    error = refused({"userName": name})

    assert error.scim_type == "invalidValue"
    assert "userName" in error.detail


# ------------------------------------------------------------------ attributes at the top level


def test_an_email_at_the_top_level_is_the_primary_address():
    assert user(email="a@b.c")["emails"] == [{"value": "a@b.c", "type": "work", "primary": True}]


def test_an_email_that_is_among_the_addresses_changes_nothing():
    assert user(Email="A@B.C", emails=[{"value": "a@b.c"}])["emails"] == [{"value": "a@b.c"}]


def test_a_flat_email_becomes_the_account_address():
    made = user(email="new@b.c", emails=[{"value": "a@b.c", "primary": True}])

    assert account_email(made) == "new@b.c"
    assert email_keys(made) == ("a@b.c", "new@b.c")


def test_flat_names_fill_missing_parts_of_the_name():
    made = decode.user({"username": "ada", "GivenName": "Ada", "familyname": "Lovelace"})
    kept = user(name={"givenName": "Ada"}, givenName="Augusta")

    assert made["userName"] == "ada"
    assert made["name"] == {"givenName": "Ada", "familyName": "Lovelace"}
    assert kept["name"] == {"givenName": "Ada"}


# ------------------------------------------------------------------ the address


NAME = "ada@example.com"
WORK = {"value": "work@acme.example", "type": "work"}
BARE = {"value": "bare@acme.example"}
CUSTOM_TYPE = {"value": "team@acme.example", "type": "team"}
HOME = {"value": "home@mail.example", "type": "home"}
OTHER = {"value": "other@mail.example", "type": "other"}


def primary(one):
    return one | {"primary": True}


@pytest.mark.parametrize(
    ("name", "emails", "told"),
    [
        (NAME, [WORK, BARE, primary(CUSTOM_TYPE)], "team@acme.example"),
        (NAME, [WORK, primary(HOME)], "home@mail.example"),
        (NAME, [HOME, BARE, WORK], "work@acme.example"),
        (NAME, [HOME, WORK | {"type": "WORK"}], "work@acme.example"),
        (NAME, [WORK | {"value": "first@acme.example"}, WORK], "first@acme.example"),
        (NAME, [HOME, BARE, CUSTOM_TYPE], "bare@acme.example"),
        (NAME, [OTHER, CUSTOM_TYPE, BARE], "team@acme.example"),
        (NAME, [HOME, OTHER], NAME),
        (NAME, [], NAME),
        ("ada", [HOME, OTHER], "home@mail.example"),
        ("ada", [OTHER, HOME], "other@mail.example"),
        ("ada", [], ""),
        ("ada@desk", [], ""),
        ("ada@desk", [HOME], "home@mail.example"),
    ],
)
def test_the_login_address_is_that_of_the_table_in_the_reference(name, emails, told):
    assert account_email(user(userName=name, emails=emails)) == told


def test_a_text_that_can_be_no_address_is_never_the_login():
    made = user(active=False, emails=[{"value": "n/a", "primary": True}, HOME])

    assert account_email(made) == NAME


def test_a_user_name_that_is_no_address_is_none():
    assert account_email(user(userName="ada")) == ""
    assert email_keys(user()) == ()


@pytest.mark.parametrize(
    "value",
    [
        "ada",
        "@acme.example",
        "ada@",
        "ada@acme",
        "ada@@acme.example",
        "ada lovelace@acme.example",
        "ada@acme .example",
        "ada@acme..example",
        "ada@.example",
        "ada\x07@acme.example",
        "Ada <ada@acme.example>",
        '{"value":"ada@acme.example"}',
    ],
)
def test_an_address_that_can_be_none_is_refused_unless_the_user_is_inactive(value):
    error = refused({"userName": "ada", "emails": [{"value": value}]})
    inactive = user(active=False, emails=[{"value": value}])

    assert error.scim_type == "invalidValue"
    assert value[:20] in error.detail or repr(value)[:20] in error.detail
    assert inactive["emails"] == [{"value": value}]


@pytest.mark.parametrize(
    "value",
    [
        "o'brien+tag@acme.example",
        "ada_l.x-y@sub.acme.co.uk",
        "jürgen@bücher.example",
        "用户@例子.公司",
        '"a"@acme.example',
        "{ada}@acme.example",
    ],
)
def test_an_unusual_address_is_accepted(value):
    assert account_email(user(emails=[{"value": value}])) == value


def test_white_space_around_values_is_removed():
    made = user(
        userName=" ada@acme.example\n",
        externalId="\tx1 ",
        name={"givenName": "\u00a0Ada ", "familyName": "  "},
        title="   ",
        active=" True ",
        emails=[{"value": " ada@acme.example ", "type": " work "}, {"value": "  "}, " "],
        email="  ",
        **{CUSTOM: {"kept": " as it came "}},
    )

    assert (made["userName"], made["externalId"], made["active"]) == (
        NAME.replace("example.com", "acme.example"),
        "x1",
        True,
    )
    assert made["name"] == {"givenName": "Ada"}
    assert made["emails"] == [{"value": "ada@acme.example", "type": "work"}]
    assert "title" not in made
    assert made[CUSTOM] == {"kept": " as it came "}
    assert decode.member_ids([{"value": " u1 "}, "u1", {"value": "u1\n"}]) == ["u1"]


@pytest.mark.parametrize(
    "given",
    [
        {"emails": '[{"value": "ada@acme.example"}]'},
        {"emails": ['{"value": "ada@acme.example"}']},
        {"phoneNumbers": [' {"value": "1"}']},
        {ENTERPRISE_URN: {"manager": '{"value": "1"}'}},
    ],
)
def test_json_as_a_text_where_an_object_belongs_is_refused(given):
    assert "JSON" in refused({"userName": "ada", **given}).detail


def test_json_as_a_text_is_no_member():
    assert (
        "JSON"
        in refused({"displayName": "a", "members": ['{"value": "u1"}']}, of=decode.group).detail
    )


def test_addresses_are_compared_without_regard_to_case():
    made = user(emails=[{"value": "A@B.C"}, {"value": "a@b.c", "type": "home"}])

    assert email_keys(made) == ("a@b.c",)


# ------------------------------------------------------------------ groups


def test_a_group_comes_without_its_members():
    resource, members = decode.group(
        {"displayName": "Engineering", "members": [{"value": "u1", "display": "Ada"}]}
    )

    assert resource == {"schemas": [GROUP_URN], "displayName": "Engineering"}
    assert members == ["u1"]


def test_members_that_are_left_out_differ_from_none():
    assert decode.group({"displayName": "a"})[1] is None
    assert decode.group({"displayName": "a", "members": None})[1] is None
    assert decode.group({"displayName": "a", "members": []})[1] == []
    assert decode.group({"displayName": "a", "members": ""})[1] == []


def test_members_are_objects_texts_or_references_each_once():
    given = [
        {"value": "u1"},
        "u2",
        {"$ref": "https://example.com/scim/v2/Users/u3"},
        {"VALUE": "u1"},
        {"$ref": "../Users/u4/"},
    ]

    assert decode.group({"displayName": "a", "Members": given})[1] == ["u1", "u2", "u3", "u4"]


@pytest.mark.parametrize("member", [5, {}, {"value": 5}, {"value": "a\x00"}, "", {"$ref": ""}])
def test_a_member_without_an_id_is_refused(member):
    error = refused({"displayName": "a", "members": [member]}, of=decode.group)

    assert error.scim_type == "invalidValue"


@pytest.mark.parametrize("name", [None, "", " ", "g" * 1025, {"a": 1}])
def test_a_group_needs_a_name(name):
    error = refused({"displayName": name}, of=decode.group)

    assert error.scim_type == "invalidValue"
    assert "displayName" in error.detail


def test_an_extension_of_a_group_is_stored_and_returned():
    resource, _ = decode.group({"displayName": "a", CUSTOM: {"b": 1}, "id": "x", "shoe": 1})

    assert resource == {"schemas": [GROUP_URN, CUSTOM], "displayName": "a", CUSTOM: {"b": 1}}
