"""The values of a SCIM user at a path, and the one form of a number."""

import pytest

from calscim.planner.attributes.values import normalize, read_values
from calscim.planner.observed_state import AttributeType
from calscim.planner.policy import AttributePath

TEXT, NUMBER = AttributeType.TEXT, AttributeType.NUMBER
SINGLE, MULTI = AttributeType.SINGLE_SELECT, AttributeType.MULTI_SELECT


ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PERSON = {
    "title": " Head ",
    "Name": {"familyName": "Lovelace"},
    "emails": [
        {"value": "home@x", "type": "home"},
        {"value": "work@x", "type": "work", "primary": True},
    ],
    "roles": ["a", "b", "a"],
    ENTERPRISE: {"department": "R&D", "manager": {"value": "7", "displayName": "Bob"}},
    "urn:acme:hr": {
        "grade": 7,
        "ratio": 0.5,
        "remote": True,
        "tags": [{"value": "x"}, {"value": "y"}],
    },
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (AttributePath("", None, "title"), ("Head",)),
        (AttributePath("", None, "TITLE"), ("Head",)),
        (AttributePath("", None, "name", sub="familyname"), ("Lovelace",)),
        (AttributePath("", None, "name"), ()),
        (AttributePath("", None, "emails"), ("work@x", "home@x")),
        (AttributePath("", None, "emails", "type", "HOME", "value"), ("home@x",)),
        (AttributePath("", None, "roles"), ("a", "b")),
        (AttributePath("", ENTERPRISE.upper(), "department"), ("R&D",)),
        (AttributePath("", ENTERPRISE, "manager"), ("7",)),
        (AttributePath("", ENTERPRISE, "manager", sub="displayName"), ("Bob",)),
        (AttributePath("", ENTERPRISE, "division"), ()),
        (AttributePath("", "urn:acme:hr", "grade"), ("7",)),
        (AttributePath("", "urn:acme:hr", "ratio"), ("0.5",)),
        (AttributePath("", "urn:acme:hr", "remote"), ("true",)),
        (AttributePath("", "urn:acme:hr", "tags"), ("x", "y")),
        (AttributePath("", "urn:other", "x"), ()),
    ],
)
def test_values_are_found_by_their_path(source, expected):
    assert read_values(source, PERSON) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("7", "7"),
        ("7.0", "7"),
        ("1e2", "100"),
        ("100", "100"),
        ("-0.50", "-0.5"),
        ("x", None),
        ("NaN", None),
    ],
)
def test_numbers_have_one_form(written, expected):
    assert normalize(NUMBER, written) == expected
