"""Attributes are read completely, or the answer is Incomplete."""

import pytest

from calscim.planner.observed_state import AttributeValue, Incomplete
from tests.calcom.conftest import ROOT, org_row
from tests.calcom.prepared_lists import PEOPLE


async def test_the_attributes_of_a_person_are_read_with_the_members(reader, calcom):
    attributes = [
        {
            "id": "a2",
            "name": "Skills",
            "type": "multiSelect",
            "options": [{"optionId": "o3", "option": "Go"}, {"optionId": "o2", "option": "SQL"}],
        },
        {"id": "a1", "name": "Grade", "type": "number", "option": 7, "optionId": "o1"},
    ]
    calcom.answer("GET", f"{PEOPLE}/5", org_row(5, attributes=attributes))

    person = await reader.person(5)

    expected = (
        AttributeValue("a1", "o1", "7"),
        AttributeValue("a2", "o2", "SQL"),
        AttributeValue("a2", "o3", "Go"),
    )
    assert person.attributes == expected


async def test_a_number_that_is_none_is_an_empty_value_beside_readable_attributes(reader, calcom):
    attributes = [
        {"id": "a1", "name": "Level", "optionId": "o1", "option": None, "type": "number"},
        {"id": "a2", "name": "City", "optionId": "o2", "option": "Vienna", "type": "singleSelect"},
    ]
    calcom.answer("GET", f"{PEOPLE}/5", org_row(5, attributes=attributes))

    person = await reader.person(5)

    assert person.attributes == (
        AttributeValue("a1", "o1", ""),
        AttributeValue("a2", "o2", "Vienna"),
    )


@pytest.mark.parametrize(
    "attributes",
    [
        None,
        "x",
        [1],
        [{"id": "a1"}],
        [{"id": "a1", "optionId": "o"}],
        [{"id": "a1", "optionId": None, "option": "x"}],
        [{"id": "a1", "optionId": "o", "option": True}],
    ],
)
async def test_unreadable_attributes_are_not_an_empty_list(reader, calcom, attributes):
    calcom.answer("GET", f"{PEOPLE}/5", org_row(5, attributes=attributes))

    assert (await reader.person(5)).attributes is None


async def test_an_attribute_of_a_kind_that_is_not_known_is_left_out(reader, calcom):
    base = {"teamId": 7, "name": "x", "slug": "x", "enabled": True}
    rows = [{**base, "id": "a1", "type": "TEXT"}, {**base, "id": "a2", "type": "HOLOGRAM"}]
    calcom.answer("GET", f"{ROOT}/attributes?take=250&skip=0", rows)

    found = await reader.attributes()

    assert [(one.id, one.type.value) for one in found.value] == [("a1", "TEXT")]


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_attributes_that_are_refused_are_incomplete_and_nothing_more(reader, calcom, status):
    calcom.refuse("GET", f"{ROOT}/attributes?take=250&skip=0", status)
    calcom.refuse("GET", f"{ROOT}/attributes/a1/options", status)

    assert isinstance(await reader.attributes(), Incomplete)
    assert isinstance(await reader.options("a1"), Incomplete)


async def test_all_options_of_a_person_are_read(reader, calcom):
    rows = [
        {"id": "o2", "attributeId": "a1", "value": "Sales", "slug": "sales"},
        {"id": "o1", "attributeId": "a1", "value": "Sales", "slug": "sales"},
    ]
    calcom.answer("GET", f"{ROOT}/attributes/options/105", rows)
    calcom.refuse("GET", f"{ROOT}/attributes/options/105", 403)

    assert await reader.assigned(105) == (
        AttributeValue("a1", "o1", "Sales"),
        AttributeValue("a1", "o2", "Sales"),
    )
    assert isinstance(await reader.assigned(105), Incomplete)
