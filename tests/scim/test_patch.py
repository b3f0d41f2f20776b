"""PATCH of resources, by RFC 7644 section 3.5.2 and in the dialect of each identity provider."""

import copy

import pytest

from calscim.errors import ScimError
from calscim.scim import decode
from calscim.scim.emails import account_email, email_keys
from calscim.scim.patch import apply
from calscim.scim.patch.operations import parse_operations
from calscim.scim.schema import ENTERPRISE_URN, GROUP, GROUP_URN, USER, USER_URN

CUSTOM = "urn:example:params:scim:schemas:extension:hr:2.0:User"
ADA = decode.user(
    {
        "userName": "ada@example.com",
        "externalId": "00u1",
        "name": {"givenName": "Ada", "familyName": "King"},
        "title": "Countess",
        "emails": [
            {"value": "ada@example.com", "type": "work", "primary": True},
            {"value": "ada@home.example", "type": "home"},
        ],
        "phoneNumbers": [{"value": "+44 1", "type": "work"}],
        ENTERPRISE_URN: {"department": "Engines", "manager": {"value": "m1"}},
        CUSTOM: {"shoeSize": 42},
    }
)
TEAM = decode.group({"displayName": "Engineering", "externalId": "00g1"})[0]
MISSING = object()


def body(*operations, kind=USER):
    schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
    return parse_operations(kind, {"schemas": schemas, "Operations": list(operations)})


def patched(op, path=None, value=MISSING, *, of=ADA):
    operation = {"op": op}
    if path is not None:
        operation["path"] = path
    if value is not MISSING:
        operation["value"] = value
    return apply.to_user(of, body(operation))


def refused(*operations, of=ADA):
    before = copy.deepcopy(of)
    with pytest.raises(ScimError) as caught:
        apply.to_user(of, body(*operations))
    assert caught.value.status == 400
    assert of == before
    return caught.value.scim_type


def steps(*operations):
    return apply.to_group(TEAM, body(*operations, kind=GROUP)).steps


# ------------------------------------------------------------------ single values


@pytest.mark.parametrize("op", ["add", "replace", "Add", "REPLACE"])
@pytest.mark.parametrize(
    "path", ["title", "TITLE", f"{USER_URN}:title", f"{USER_URN.upper()}:Title"]
)
def test_a_value_is_set_by_its_path(op, path):
    assert patched(op, path, "Lady")["title"] == "Lady"


@pytest.mark.parametrize("value", [None, "", []])
def test_replacing_with_nothing_clears(value):
    assert "title" not in patched("replace", "title", value)
    assert "name" not in patched("replace", "name", value)
    assert "emails" not in patched("replace", "emails", value)
    assert ENTERPRISE_URN not in patched("replace", ENTERPRISE_URN, value)
    assert "title" not in patched("replace", value={"title": value})


@pytest.mark.parametrize(("value", "stored"), [(False, False), ("False", False), ("true", True)])
def test_active_is_set_with_and_without_a_path(value, stored):
    assert patched("replace", "active", value)["active"] is stored
    assert patched("Replace", value={"active": value})["active"] is stored


def test_a_value_is_removed_by_its_path():
    assert "title" not in patched("Remove", "title")
    assert "title" not in patched("remove", "title", "Countess")


def test_removing_a_missing_value_changes_nothing():
    assert patched("remove", "nickName") == ADA
    assert patched("remove", 'emails[type eq "other"]') == ADA
    assert patched("remove", 'ims[type eq "aim"].value') == ADA


def test_the_operations_are_done_in_order():
    made = apply.to_user(
        ADA,
        body(
            {"op": "replace", "path": "title", "value": "Lady"},
            {"op": "remove", "path": "title"},
            {"op": "add", "path": "nickName", "value": "A"},
        ),
    )

    assert "title" not in made
    assert made["nickName"] == "A"


# ------------------------------------------------------------------ complex values


def test_a_part_is_set_by_its_path():
    assert patched("replace", "name.familyName", "Lovelace")["name"] == {
        "givenName": "Ada",
        "familyName": "Lovelace",
    }


def test_parts_that_are_not_named_stay():
    for made in (
        patched("replace", "name", {"familyName": "Lovelace"}),
        patched("add", value={"NAME": {"FAMILYNAME": "Lovelace"}}),
        patched("replace", "name", [{"familyName": "Lovelace"}]),
    ):
        assert made["name"] == {"givenName": "Ada", "familyName": "Lovelace"}


def test_an_empty_part_is_cleared_and_the_others_stay():
    assert patched("replace", value={"name": {"givenName": ""}})["name"] == {"familyName": "King"}
    assert patched("remove", "name.givenName")["name"] == {"familyName": "King"}
    made = patched("replace", ENTERPRISE_URN, {"manager": {"value": ""}})
    assert made[ENTERPRISE_URN] == {"department": "Engines"}


def test_the_last_part_takes_the_whole_along():
    made = patched("replace", "name", {"givenName": None, "familyName": None})

    assert "name" not in made


# ------------------------------------------------------------------ multi-valued attributes


def test_an_added_value_joins_the_others():
    made = patched("add", "emails", [{"value": "c@d.e", "type": "other"}])

    assert [one["value"] for one in made["emails"]] == [
        "ada@example.com",
        "ada@home.example",
        "c@d.e",
    ]


def test_a_value_that_is_there_is_not_doubled():
    assert patched("add", "emails", [{"value": "ADA@home.example", "type": "home"}])["emails"][
        1:
    ] == [{"value": "ADA@home.example", "type": "home"}]
    assert patched("add", "phoneNumbers", {"value": "+44 1"}) == ADA


def test_a_new_primary_value_ends_the_old_ones_being_so():
    added = patched("add", "emails", {"value": "c@d.e", "primary": True})
    chosen = patched("replace", 'emails[type eq "home"].primary', "True")

    assert [one.get("primary") for one in added["emails"]] == [False, None, True]
    assert [one.get("primary") for one in chosen["emails"]] == [False, True]


def test_the_new_primary_value_may_stand_before_the_old_one():
    home = patched("replace", 'emails[type eq "home"].primary', True)
    work = {"value": "ada@example.com", "type": "work", "primary": True}
    chosen = patched("replace", 'emails[type eq "work"].primary', True, of=home)
    added = patched("add", "emails", [work], of=home)

    assert [one["primary"] for one in chosen["emails"]] == [True, False]
    assert added == chosen


def test_a_replaced_list_is_the_new_list():
    assert patched("replace", "emails", [{"value": "c@d.e"}])["emails"] == [{"value": "c@d.e"}]


def test_values_are_removed_by_being_named():
    made = patched("remove", "emails", [{"value": "ada@HOME.example"}])
    kept = patched("remove", "emails", [{"value": "ada@home.example", "type": "work"}])

    assert [one["type"] for one in made["emails"]] == ["work"]
    assert kept == ADA


def test_a_postal_address_is_removed_by_its_parts():
    home, work = ({"type": kind, "locality": "London"} for kind in ("home", "work"))
    both = patched("add", "addresses", [home, work])

    assert patched("remove", "addresses", [work], of=both)["addresses"] == [home]
    assert patched("remove", "addresses", [{"locality": "london"}], of=both) == ADA
    assert patched("remove", "addresses", [{"locality": "Paris"}], of=both) == both


@pytest.mark.parametrize(
    "chosen",
    [
        'type eq "home"',
        'TYPE eq "HOME"',
        'type ne "work"',
        "not (primary eq true)",
        'type eq "home" and value co "home"',
        'value sw "ada@h"',
        'value ew "HOME.example"',
        'type eq "home" or type eq "other"',
        'type lt "i"',
        "not (primary pr)",
        "primary ne true",
        'primary ne "True"',
        "primary eq null",
    ],
)
def test_a_filter_chooses_the_values_to_be_removed(chosen):
    made = patched("remove", f"emails[{chosen}]")

    assert [one["value"] for one in made["emails"]] == ["ada@example.com"]


def test_a_filter_chooses_the_values_to_be_changed():
    made = patched("replace", 'emails[type eq "work"].value', "new@example.com")
    merged = patched("replace", 'emails[type eq "work"]', {"value": "new@example.com"})

    assert made["emails"][0] == {"value": "new@example.com", "type": "work", "primary": True}
    assert merged == made


def test_a_selected_value_without_content_is_removed():
    assert len(patched("remove", 'emails[type eq "home"].value')["emails"]) == 1
    assert len(patched("replace", 'emails[type eq "home"].value', "")["emails"]) == 1
    assert len(patched("replace", 'emails[type eq "home"]', None)["emails"]) == 1


@pytest.mark.parametrize("op", ["add", "replace"])
def test_entra_makes_a_value_by_choosing_it(op):
    made = patched(op, 'phoneNumbers[type eq "mobile"].value', "+44 2")
    role = patched(op, 'roles[primary eq "True"].value', "admin")
    address = patched(op, 'addresses[type eq "work"].locality', "London")

    assert made["phoneNumbers"][1] == {"type": "mobile", "value": "+44 2"}
    assert role["roles"] == [{"primary": True, "value": "admin"}]
    assert address["addresses"] == [{"type": "work", "locality": "London"}]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ('emails[value eq "nobody@example.com"]', {"type": "work"}),
        ('emails[value eq "nobody@example.com"].type', "work"),
        ('emails[type eq "other"]', {"value": "new@example.com"}),
    ],
)
def test_a_value_that_is_not_there_cannot_be_replaced(path, value):
    assert refused({"op": "replace", "path": path, "value": value}) == "noTarget"


def test_a_filter_that_describes_no_value_makes_none():
    operation = {
        "op": "replace",
        "path": 'emails[type ne "x" and type ne "work" and type ne "home"].value',
        "value": "a@b",
    }

    assert refused(operation) == "noTarget"


def test_all_values_parts_are_set_without_a_filter():
    made = patched("replace", "emails.type", "other")

    assert [one["type"] for one in made["emails"]] == ["other", "other"]


# ------------------------------------------------------------------ extensions


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


# ------------------------------------------------------------------ providers' ways


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


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Operations": None},
        {"Operations": []},
        {"Operations": {}},
        {"Operations": ["x"]},
        {"Operations": [{}]},
        {"Operations": [{"path": "title", "value": "x"}]},
        {"Operations": [{"op": "move", "path": "title", "value": "x"}]},
        {"Operations": [{"op": 5, "path": "title", "value": "x"}]},
        {"Operations": [{"op": "add", "path": "title", "value": "x"}] * 5001},
    ],
)
@pytest.mark.parametrize("kind", [USER, GROUP])
def test_an_invalid_list_of_operations_is_refused(given, kind):
    with pytest.raises(ScimError) as caught:
        parse_operations(kind, given)

    assert caught.value.scim_type == "invalidSyntax"


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "remove"}, "noTarget"),
        ({"op": "remove", "path": ""}, "noTarget"),
        ({"op": "add", "path": "title"}, "invalidValue"),
        ({"op": "add", "path": 5, "value": "x"}, "invalidPath"),
        ({"op": "add", "value": "x"}, "invalidValue"),
        ({"op": "add", "value": ["x"]}, "invalidValue"),
        ({"op": "replace", "path": "shoeSize", "value": 42}, "invalidPath"),
        ({"op": "remove", "path": "shoeSize"}, "invalidPath"),
        ({"op": "replace", "path": "name.shoeSize", "value": 42}, "invalidPath"),
        ({"op": "replace", "path": "title.x", "value": "y"}, "invalidPath"),
        ({"op": "replace", "path": "title[", "value": "y"}, "invalidFilter"),
        ({"op": "replace", "path": "ti tle", "value": "y"}, "invalidPath"),
        ({"op": "replace", "path": "title\x00", "value": "y"}, "invalidPath"),
        ({"op": "replace", "path": 'title[value eq "x"]', "value": "y"}, "invalidPath"),
        (
            {"op": "replace", "path": 'name[givenName eq "x"].familyName', "value": "y"},
            "invalidPath",
        ),
        ({"op": "replace", "path": "urn:no:such:extension:title", "value": "y"}, "invalidPath"),
        ({"op": "add", "path": f"{ENTERPRISE_URN}:shoeSize", "value": 42}, "invalidPath"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "meta.version", "value": "x"}, "mutability"),
        ({"op": "add", "path": "groups", "value": [{"value": "x"}]}, "mutability"),
        ({"op": "remove", "path": 'groups[value eq "x"]'}, "mutability"),
        (
            {"op": "replace", "path": f"{ENTERPRISE_URN}:manager.displayName", "value": "x"},
            "mutability",
        ),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "userName", "value": ""}, "invalidValue"),
        ({"op": "replace", "value": {"userName": None}}, "invalidValue"),
        ({"op": "replace", "path": "active", "value": "perhaps"}, "invalidValue"),
        ({"op": "replace", "path": "title", "value": "a\x00"}, "invalidValue"),
        ({"op": "replace", "path": "name", "value": "Ada"}, "invalidValue"),
        ({"op": "replace", "path": "name", "value": [{}, {}]}, "invalidValue"),
        ({"op": "replace", "path": "emails", "value": [5]}, "invalidValue"),
        ({"op": "replace", "path": 'emails[type eq "work"]', "value": 5}, "invalidValue"),
        ({"op": "replace", "path": "email", "value": {"x": 1}}, "invalidValue"),
        ({"op": "replace", "path": f"{CUSTOM}:hat", "value": "a\x00"}, "invalidValue"),
        ({"op": "replace", "path": CUSTOM, "value": "x"}, "invalidValue"),
        ({"op": "replace", "path": 'emails[shoe eq "x"].value', "value": "y"}, "invalidFilter"),
        ({"op": "replace", "path": 'emails[type.x eq "x"].value', "value": "y"}, "invalidFilter"),
        ({"op": "replace", "path": 'emails[type eq "work"].shoe', "value": "y"}, "invalidPath"),
        ({"op": "replace", "path": "emails[type eq 5].value", "value": "y"}, "invalidFilter"),
        (
            {"op": "replace", "path": 'emails[primary eq "yes"].value', "value": "y"},
            "invalidFilter",
        ),
        ({"op": "replace", "path": "ims[primary gt true].value", "value": "y"}, "invalidFilter"),
        ({"op": "add", "path": 'ims[type eq "a\\u0000"].value', "value": "y"}, "invalidFilter"),
        ({"op": "replace", "path": 'ims[type ne "x"].value', "value": "y"}, "noTarget"),
        ({"op": "replace", "path": 'ims[not (type eq "x")].value', "value": "y"}, "noTarget"),
    ],
)
def test_an_impossible_operation_is_refused_and_changes_nothing(operation, kind):
    good = {"op": "replace", "path": "title", "value": "Lady"}

    assert refused(operation) == kind
    assert refused(good, operation) == kind


def test_work_is_bounded():
    emails = [[{"value": f"{n}-{m}@b.c"} for m in range(400)] for n in range(2)]
    chosen = " or ".join(f'value eq "{n}"' for n in range(21))
    adds = [{"op": "add", "path": "emails", "value": each} for each in emails]

    assert refused(*adds) == "invalidValue"
    assert refused({"op": "remove", "path": f"emails[{chosen}]"}) == "invalidFilter"
    assert refused(*[{"op": "add", "path": "title", "value": "x"}] * 251) == "invalidSyntax"


def test_a_password_is_not_stored_in_an_unknown_extension_either():
    made = patched("add", value={CUSTOM: {"PassWord": "hunter2", "a": {"password": "x", "b": 1}}})

    assert made[CUSTOM] == {"shoeSize": 42, "a": {"b": 1}}
    assert patched("add", f"{CUSTOM}:password", "hunter2") == ADA


# ------------------------------------------------------------------ groups


def test_a_group_is_renamed_by_oktas_own_request():
    change = apply.to_group(
        TEAM, body({"op": "replace", "value": {"id": "x", "displayName": "Engines"}}, kind=GROUP)
    )

    assert change.resource == TEAM | {"displayName": "Engines"}
    assert change.steps == []


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (
            {"op": "add", "path": "members", "value": [{"value": "a", "display": "A"}]},
            ("add", ["a"]),
        ),
        ({"op": "Add", "path": "MEMBERS", "value": {"value": "a"}}, ("add", ["a"])),
        ({"op": "add", "path": f"{GROUP_URN}:members", "value": "a"}, ("add", ["a"])),
        ({"op": "add", "value": {"members": ["a", "b", "a"]}}, ("add", ["a", "b"])),
        ({"op": "add", "value": {f"{GROUP_URN}:members": ["a"]}}, ("add", ["a"])),
        ({"op": "replace", "path": "members", "value": [{"value": "a"}]}, ("replace", ["a"])),
        ({"op": "replace", "value": {"members": [{"value": "a"}]}}, ("replace", ["a"])),
        ({"op": "replace", "path": "members", "value": []}, ("replace", [])),
        ({"op": "replace", "path": "members", "value": None}, ("replace", [])),
        ({"op": "replace", "path": "members", "value": ""}, ("replace", [])),
        ({"op": "remove", "path": "members"}, ("replace", [])),
        ({"op": "remove", "path": 'members[value eq "a"]'}, ("remove", ["a"])),
        ({"op": "remove", "path": 'MEMBERS[VALUE EQ "a"]'}, ("remove", ["a"])),
        (
            {"op": "remove", "path": 'members[value eq "a" or value eq "b" or value eq "c"]'},
            ("remove", ["a", "b", "c"]),
        ),
        ({"op": "Remove", "path": "members", "value": [{"value": "a"}]}, ("remove", ["a"])),
        ({"op": "remove", "path": "members", "value": []}, ("remove", [])),
    ],
)
def test_members_change_in_steps(operation, expected):
    assert steps(operation) == [expected]


def test_members_steps_keep_their_order():
    assert steps(
        {"op": "remove", "path": 'members[value eq "a"]'},
        {"op": "add", "path": "members", "value": [{"value": "b"}]},
        {"op": "replace", "path": "displayName", "value": "x"},
        {"op": "remove", "path": 'members[value eq "b"]'},
    ) == [("remove", ["a"]), ("add", ["b"]), ("remove", ["b"])]


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "remove", "path": 'members[display eq "Ada"]'}, "invalidFilter"),
        ({"op": "remove", "path": 'members[value sw "a"]'}, "invalidFilter"),
        ({"op": "remove", "path": 'members[value eq "a" and type eq "User"]'}, "invalidFilter"),
        ({"op": "remove", "path": "members[value eq 5]"}, "invalidFilter"),
        ({"op": "replace", "path": 'members[value eq "a"]', "value": "b"}, "invalidPath"),
        ({"op": "replace", "path": "members.display", "value": "b"}, "mutability"),
        ({"op": "add", "path": "members", "value": [{"display": "Ada"}]}, "invalidValue"),
        ({"op": "replace", "path": "displayName", "value": ""}, "invalidValue"),
        ({"op": "remove", "path": "displayName"}, "mutability"),
        ({"op": "replace", "path": "nickName", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "add", "value": ["a"]}, "invalidValue"),
    ],
)
def test_an_impossible_operation_on_a_group_is_refused(operation, kind):
    before = copy.deepcopy(TEAM)

    with pytest.raises(ScimError) as caught:
        steps({"op": "replace", "path": "displayName", "value": "x"}, operation)

    assert caught.value.scim_type == kind
    assert before == TEAM
