"""PATCH of resources, by RFC 7644 section 3.5.2 and in the dialect of each identity provider."""

import pytest

from calscim.errors import ScimError
from calscim.scim.patch import apply
from calscim.scim.patch.operations import parse_operations
from calscim.scim.schema import ENTERPRISE_URN, GROUP, USER, USER_URN
from tests.scim.patched_resources import ADA, CUSTOM, body, patched, refused


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
