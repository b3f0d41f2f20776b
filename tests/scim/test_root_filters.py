"""Lists of users and groups: an attribute that a type lacks has no value there (RFC 7644 section 3.4.2.1)."""

import pytest

from calscim.errors import ScimError
from calscim.scim.filter.compile import compile_filter
from calscim.scim.schema import ENTERPRISE_URN, GROUP, USER


@pytest.fixture
async def both(provider):
    emails = [{"value": "ann@acme.example", "type": "work"}]
    department = {ENTERPRISE_URN: {"department": "R&D"}}
    await provider.user("ann", emails=emails, displayName="Ann", **department)
    await provider.user("bob", emails=[], displayName="Sales")
    await provider.group("Sales")
    await provider.group("Ops", await provider.user("cy", emails=[]))
    return provider


def named(found):
    return [row.get("userName", row.get("displayName")) for row in found["Resources"]]


FILTERS = [
    ('userName eq "ann" or displayName eq "Ops"', ["ann", "Ops"]),
    ('userName eq "ann"', ["ann"]),
    ('userName ne "ann"', ["bob", "cy", "Sales", "Ops"]),
    ("userName pr", ["ann", "bob", "cy"]),
    ("not (userName pr)", ["Sales", "Ops"]),
    ("userName eq null", ["Sales", "Ops"]),
    ("userName ne null", ["ann", "bob", "cy"]),
    ('userName co "" or userName gt ""', ["ann", "bob", "cy"]),
    ('emails[type pr] or displayName sw "Sal"', ["ann", "bob", "Sales"]),
    ('emails[value sw "ann"] or members pr', ["ann", "Ops"]),
    ('not (emails[value sw "ann"])', ["bob", "cy", "Sales", "Ops"]),
    ("active eq true and not (members pr)", ["ann", "bob", "cy"]),
    (f'{ENTERPRISE_URN}:department eq "R&D" or members pr', ["ann", "Ops"]),
    ('displayName eq "sales"', ["bob", "Sales"]),
    ('email eq "ann@acme.example" or displayName eq "ops"', ["ann", "Ops"]),
]


@pytest.mark.parametrize(("text", "expected"), FILTERS)
async def test_an_attribute_that_a_type_lacks_has_no_value_there(both, text, expected):
    by_index = (await both("POST", "/.search", {"filter": text})).body
    by_cursor = (await both("POST", "/.search", {"filter": text, "cursor": ""})).body

    assert named(by_index) == expected
    assert by_index["totalResults"] == by_cursor["totalResults"] == len(expected)
    assert named(by_cursor) == expected


@pytest.mark.parametrize(
    "text",
    ['shoeSize eq 1 or userName eq "a"', "userName eq 5", "active gt true", 'emails[shoe eq "x"]', "active sw true", "members.x pr"],
)  # fmt: skip
async def test_an_attribute_of_neither_type_is_refused(both, text):
    for body in ({"filter": text}, {"filter": text, "cursor": ""}):
        answer = await both("POST", "/.search", body)
        assert (answer.status, answer.body["scimType"]) == (400, "invalidFilter")


@pytest.mark.parametrize("kind", [USER, GROUP])
def test_a_list_of_one_type_has_the_attributes_of_that_type_only(kind):
    with pytest.raises(ScimError):
        compile_filter(kind, "members pr" if kind is USER else "userName pr")


@pytest.mark.parametrize("cursor", [{}, {"cursor": ""}])
async def test_resources_without_the_attribute_that_is_sorted_by_keep_their_order(both, cursor):
    asked = {"sortBy": "userName", "sortOrder": "descending", **cursor}

    found = await both("POST", "/.search", asked)
    refused = await both("POST", "/.search", {"sortBy": "shoeSize", **cursor})

    assert named(found.body) == ["cy", "bob", "ann", "Sales", "Ops"]
    assert (refused.status, refused.body["scimType"]) == (400, "invalidPath")
