"""The writer creates teams and assigns attributes with one call each."""

import pytest

from calscim.planner.actions import (
    Action,
    AttributeChange,
    AttributeOp,
    ChangeAttribute,
    CreateTeam,
    Outcome,
)
from calscim.planner.observed_state import Attribute, AttributeType
from tests.calcom.conftest import ROOT
from tests.calcom.prepared_actions import ADA

OFFICE = Attribute("a1", "Office", "office", AttributeType.SINGLE_SELECT)
TITLE = Attribute("a2", "Title", "title", AttributeType.TEXT)


def told(step: AttributeOp, attribute: Attribute = OFFICE, option: str | None = "o1") -> Action:
    change = AttributeChange(step, attribute, "Köln Süd", option)
    return ChangeAttribute(ADA, "because", cal_user=105, change=change)


async def test_a_team_is_created_with_a_slug_of_its_name(writer, calcom):
    calcom.answer(
        "POST", f"{ROOT}/teams", {"id": 9, "name": "Köln Süd", "slug": "koln-sud"}, status=201
    )

    outcome = await writer.perform(CreateTeam("", "because", team=-1, new_team="Köln Süd"), "r")

    assert (outcome.outcome, outcome.team) == (Outcome.DONE, 9)
    assert calcom.sent[0].body == {"name": "Köln Süd", "slug": "koln-sud"}


@pytest.mark.parametrize(
    ("action", "method", "path", "data", "body", "option"),
    [
        (
            told(AttributeOp.OPTION, option=None),
            "POST",
            "/attributes/a1/options",
            {"id": "o9", "attributeId": "a1", "value": "Köln Süd", "slug": "koln-sud"},
            {"value": "Köln Süd", "slug": "koln-sud"},
            "o9",
        ),
        (
            told(AttributeOp.ASSIGN),
            "POST",
            "/attributes/options/105",
            {"id": "x", "memberId": 5, "attributeOptionId": "o1"},
            {"attributeId": "a1", "attributeOptionId": "o1"},
            "o1",
        ),
        (
            told(AttributeOp.ASSIGN, TITLE, None),
            "POST",
            "/attributes/options/105",
            {"id": "x", "memberId": 5, "attributeOptionId": "o7"},
            {"attributeId": "a2", "value": "Köln Süd"},
            "o7",
        ),
        (
            told(AttributeOp.UNASSIGN),
            "DELETE",
            "/attributes/options/105/o1",
            {"id": "x"},
            None,
            "o1",
        ),
    ],
)
async def test_each_step_of_an_attribute_is_one_call(
    writer, calcom, action, method, path, data, body, option
):
    calcom.answer(method, ROOT + path, data)

    outcome = await writer.perform(action, "r")

    assert (outcome.outcome, outcome.option) == (Outcome.DONE, option)
    assert [(one.method, one.body) for one in calcom.sent] == [(method, body)]


async def test_an_assigned_value_that_exists_is_already_done(writer, calcom):
    calcom.refuse("POST", f"{ROOT}/attributes/options/105", 409)

    outcome = await writer.perform(told(AttributeOp.ASSIGN), "r")

    assert (outcome.outcome, outcome.option) == (Outcome.ALREADY, "o1")
