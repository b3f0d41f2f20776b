"""PATCH: calscim and the npm package scim-patch make the same user of the same operations."""

import contextlib
import copy
import os

import pytest
from hypothesis import given, settings

from calscim.errors import ScimError
from calscim.scim import decode
from calscim.scim.coerce import without_duplicates
from calscim.scim.patch import apply
from calscim.scim.patch.operations import parse_operations
from calscim.scim.schema import ENTERPRISE_URN, USER
from tests.conformance.npm.generated_patches import MANY, Json, several_operations, users
from tests.conformance.npm.oracle import Oracle, RefusedError, needed

pytestmark = needed


def _patched(user: Json, operation: Json) -> Json | None:
    """Return the user that calscim makes, or None without a target."""
    try:
        return apply.to_user(user, parse_operations(USER, {"Operations": [operation]}))
    except ScimError as refused:
        assert (refused.status, refused.scim_type) == (400, "noTarget")
        return None


def _assigned(user: Json) -> Json:
    """Return the attributes with a value, each of many once and none of only a type (RFC 7643 sections 2.4 and 2.5)."""
    resource = {name: value for name, value in user.items() if name != "schemas"}
    if MANY in resource:
        values = [value for value in resource[MANY] if value.keys() - {"type", "primary"}]
        resource[MANY] = without_duplicates(values)
    return {name: value for name, value in resource.items() if value not in ([], {})}


def _selects_nothing(oracle: Oracle, user: Json, operation: Json) -> bool:
    _, bracket, rest = operation.get("path", "").partition("[")
    text = rest.partition("]")[0]
    return bool(bracket) and not any(oracle.matches(text, user.get(MANY, [])))


def _agree(oracle: Oracle, user: Json, operation: Json) -> Json:
    """Apply an operation with both, and return the user afterwards."""
    made = _patched(copy.deepcopy(user), operation)
    if _selects_nothing(oracle, user, operation):
        if operation["op"] == "remove":  # nothing is left to do
            assert made == user
        elif made is not None:  # Entra expects that the value is added
            before = user.get(MANY, [])
            assert made[MANY][: len(before)] == before
            assert len(made[MANY]) <= len(before) + 1
        return made or user
    assert made is not None
    assert _assigned(made) == _assigned(oracle.patched(user, [operation])), operation
    return made


@settings(max_examples=int(os.environ.get("CONFORMANCE_EXAMPLES", "10")) * 10, derandomize=True)
@given(users, several_operations)
def test_operations_make_the_user_that_scim_patch_makes(
    oracle: Oracle, user: Json, changes: list[Json]
) -> None:
    current = decode.user(user)
    for operation in changes:
        current = _agree(oracle, current, operation)


WORK = {"value": "1", "type": "work"}
HOME = {"value": "2", "type": "home", "primary": True}
STORED = {
    "userName": "ann",
    "active": True,
    "name": {"givenName": "Ann", "familyName": "Lee"},
    MANY: [WORK, HOME],
}
MOVED = {"department": "Sales"}
# What calscim changes in the user above where the package does something else, and why. Sections are of RFC 7644.
DIFFERENCES: dict[str, tuple[Json, Json]] = {
    "a value that exists is not added again (3.5.2.1)": (
        {"op": "add", "value": {MANY: [WORK]}},
        {},
    ),
    "a sub-attribute that is not named stays (3.5.2.3)": (
        {"op": "replace", "value": {"name": {"givenName": "Eve"}}},
        {"name": {"givenName": "Eve", "familyName": "Lee"}},
    ),
    "a new primary value makes the other one not primary (3.5.2)": (
        {"op": "replace", "path": f'{MANY}[type eq "work"].primary', "value": True},
        {MANY: [{**WORK, "primary": True}, {**HOME, "primary": False}]},
    ),
    "an extension alone may be the path (3.10)": (
        {"op": "add", "path": ENTERPRISE_URN, "value": MOVED},
        {ENTERPRISE_URN: MOVED},
    ),
    "an extension alone may be a name of the value (3.10)": (
        {"op": "replace", "value": {ENTERPRISE_URN: MOVED}},
        {ENTERPRISE_URN: MOVED},
    ),
    "attribute names are compared without regard to case (RFC 7643 section 2.1)": (
        {"op": "replace", "path": "NAME.givenname", "value": "Eve"},
        {"name": {"givenName": "Eve", "familyName": "Lee"}},
    ),
    "texts are compared without regard to case (RFC 7643 section 2.2)": (
        {"op": "remove", "path": f'{MANY}[type eq "HOME"]'},
        {MANY: [WORK]},
    ),
    "the op is compared without regard to case, for OneLogin and Entra": (
        {"op": "REPLACE", "path": "active", "value": False},
        {"active": False},
    ),
    "a removed value needs only what identifies it, for Entra": (
        {"op": "remove", "path": MANY, "value": [{"value": "2"}]},
        {MANY: [WORK]},
    ),
    "a boolean may be a text, for Entra": (
        {"op": "replace", "path": "active", "value": "False"},
        {"active": False},
    ),
    "all values that the filter describes are created, for Entra": (
        {"op": "add", "path": f'{MANY}[type eq "fax" and display eq "x"].value', "value": "3"},
        {MANY: [WORK, HOME, {"type": "fax", "display": "x", "value": "3"}]},
    ),
}


@pytest.mark.parametrize(("operation", "changed"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_scim_patch_still_does_otherwise(oracle: Oracle, operation: Json, changed: Json) -> None:
    stored = decode.user(STORED)

    made = _patched(stored, operation)

    expected = decode.user(STORED | changed)
    assert made == expected
    with contextlib.suppress(RefusedError):  # to refuse is different, too
        assert oracle.patched(stored, [operation]) != expected
