"""PATCH of groups: Okta's own requests, and members."""

import copy

import pytest

from calscim.errors import ScimError
from calscim.scim.patch import apply
from calscim.scim.schema import GROUP, GROUP_URN
from tests.scim.patched_resources import TEAM, body, steps


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
