"""PATCH requests in the forms that identity providers send, and PATCH of extensions."""

import pytest

from calscim.scim.emails import account_email, email_keys
from calscim.scim.patch import apply
from calscim.scim.patch.operations import parse_operations
from calscim.scim.schema import ENTERPRISE_URN, USER, USER_URN
from tests.scim.patched_resources import ADA, CUSTOM, body, patched


def test_an_extensions_attribute_is_set_by_its_path():
    made = patched("replace", f"{ENTERPRISE_URN}:department", "Poetry")
    manager = patched("add", f"{ENTERPRISE_URN}:manager", "m2")
    part = patched("add", f"{ENTERPRISE_URN}:manager.value", "m2")
    listed = patched("add", f"{ENTERPRISE_URN}:manager", [{"value": "m2"}])

    assert made[ENTERPRISE_URN] == {"department": "Poetry", "manager": {"value": "m1"}}
    assert manager[ENTERPRISE_URN]["manager"] == {"value": "m2"}
    assert part == manager == listed


def test_names_without_a_path_may_be_dotted_or_urns():
    made = patched(
        "replace",
        value={
            "name.givenName": "Augusta",
            f"{ENTERPRISE_URN}:department": "Poetry",
            'emails[type eq "work"].value': "x@y.z",
            ENTERPRISE_URN.lower(): {"costCenter": "7"},
        },
    )

    assert made["name"]["givenName"] == "Augusta"
    assert made["emails"][0]["value"] == "x@y.z"
    assert made[ENTERPRISE_URN] == {
        "department": "Poetry",
        "manager": {"value": "m1"},
        "costCenter": "7",
    }


def test_an_extension_without_attributes_is_removed():
    bare = patched("remove", ENTERPRISE_URN)
    made = patched("add", f"{ENTERPRISE_URN}:department", "Poetry", of=bare)

    assert ENTERPRISE_URN not in bare["schemas"]
    assert ENTERPRISE_URN in made["schemas"]
    assert patched("remove", f"{ENTERPRISE_URN}:department", of=made) == bare


def test_an_unknown_extension_is_changed_where_it_is_stored():
    assert patched("replace", f"{CUSTOM}:SHOESIZE", 43)[CUSTOM] == {"shoeSize": 43}
    assert patched("add", value={CUSTOM.upper(): {"hat": 7}})[CUSTOM] == {"shoeSize": 42, "hat": 7}
    assert patched("replace", value={f"{CUSTOM}:SHOESIZE": 43})[CUSTOM] == {"shoeSize": 43}
    assert CUSTOM not in patched("replace", value={f"{CUSTOM}:shoeSize": None})
    assert CUSTOM not in patched("remove", f"{CUSTOM}:shoeSize")
    assert CUSTOM not in patched("remove", CUSTOM)
    assert CUSTOM not in patched("replace", value={CUSTOM: None})["schemas"]


def test_an_unknown_extension_may_come_without_a_path():
    bare = patched("remove", CUSTOM)

    assert patched("add", value={CUSTOM: {"shoeSize": 42}}, of=bare)["schemas"] == ADA["schemas"]
    assert patched("add", f"{CUSTOM}:hat", 7, of=bare)[CUSTOM] == {"hat": 7}


def test_okta_sends_the_id_along():
    made = patched(
        "replace", value={"id": "x", "meta": {}, "schemas": [], "groups": [], "active": False}
    )

    assert made == ADA | {"active": False}


def test_a_password_is_never_stored():
    assert patched("replace", value={"password": "hunter2"}) == ADA
    assert patched("replace", "password", "hunter2") == ADA
    assert patched("add", value={"PASSWORD": "hunter2"}) == ADA


def test_unknown_names_without_a_path_are_left_out():
    made = patched(
        "replace",
        value={
            "active": False,
            "shoeSize": 42,
            "name.nick": "A",
            "a b": 1,
            "urn:a:b:c": "x",
            f"{ENTERPRISE_URN}:shoeSize": 42,
            "": 1,
        },
    )

    assert made == ADA | {"active": False}


def test_the_core_schemas_urn_may_hold_attributes():
    assert patched("replace", value={USER_URN: {"title": "Lady"}})["title"] == "Lady"


def test_a_body_without_schemas_and_with_small_letters_is_understood():
    sent = {"operations": [{"OP": "replace", "Path": "title", "VALUE": "Lady"}]}
    made = apply.to_user(ADA, parse_operations(USER, sent))

    assert made["title"] == "Lady"


@pytest.mark.parametrize("path", [None, "email", "EMAIL"])
def test_a_patch_of_email_changes_the_account_address(path):
    def to(value):
        return (
            patched("replace", path, value) if path else patched("replace", value={"email": value})
        )

    assert account_email(to("new@b.c")) == "new@b.c"
    assert email_keys(to("new@b.c")) == ("new@b.c", "ada@home.example")
    assert account_email(to("Ada@home.example")) == "Ada@home.example"
    assert email_keys(to(None)) == ("ada@home.example",)


def test_an_email_that_is_cleared_twice_takes_no_other_address_along():
    clearing = body({"op": "replace", "path": "email", "value": ""})

    once = apply.to_user(ADA, clearing)

    assert email_keys(once) == ("ada@home.example",)
    assert apply.to_user(once, clearing) == once


def test_adding_no_email_changes_nothing():
    assert patched("add", "email", []) == ADA


def test_a_patch_with_the_account_address_keeps_the_other_addresses():
    assert patched("replace", "email", account_email(ADA)) == ADA


def test_a_new_address_is_not_shown_by_the_old_ones_name():
    shown = patched("replace", 'emails[type eq "work"].display', "ada@example.com")

    assert "display" in shown["emails"][0]
    assert "display" not in patched("replace", "email", "new@b.c", of=shown)["emails"][0]


def test_flat_names_are_parts_of_the_name():
    assert patched("replace", value={"givenName": "Augusta"})["name"]["givenName"] == "Augusta"
    assert "familyName" not in patched("remove", "familyname")["name"]
    assert patched("replace", "username", "augusta")["userName"] == "augusta"
