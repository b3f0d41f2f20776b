"""PATCH changes complex and multi-valued attributes of a user."""

import pytest

from calscim.scim.schema import ENTERPRISE_URN
from tests.scim.patched_resources import ADA, patched, refused


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


@pytest.mark.parametrize("blank", [None, "", " \t", []])
@pytest.mark.parametrize("name", ["name", ENTERPRISE_URN])
def test_a_blank_value_clears_a_complex_attribute_and_adds_nothing(name, blank):
    assert name not in patched("replace", name, blank)
    assert name not in patched("replace", value={name: blank})
    assert patched("add", name, blank)[name] == ADA[name]


def test_a_value_that_one_operation_adds_twice_is_kept_once():
    twice = [{"value": "c@d.e", "type": "other"}, {"value": "C@d.e", "type": "other"}]

    made = patched("add", "emails", twice)

    assert len(made["emails"]) == 3


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


@pytest.mark.parametrize("op", ["add", "replace"])
def test_selected_values_take_one_value_and_lose_none(op):
    both = [{"value": "p@example.com"}, {"value": "q@example.com"}]
    path = 'emails[type eq "work"]'

    assert refused({"op": op, "path": path, "value": both}) == "invalidValue"
    assert "p@example.com" in [one["value"] for one in patched(op, path, both[:1])["emails"]]


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
