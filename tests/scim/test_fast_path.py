"""A PATCH without a read has the same result as one with a read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.errors import ScimError
from calscim.scim import decode
from calscim.scim.patch import apply, fast_path
from calscim.scim.patch.operations import Operation, parse_operations
from calscim.scim.schema import GROUP, USER, Type

NAMES = [
    "active",
    "title",
    "displayName",
    "nickName",
    "locale",
    "timezone",
    "userType",
    "ACTIVE",
    "id",
]
SCALARS = st.one_of(
    st.text(max_size=5), st.booleans(), st.integers(0, 9), st.none(), st.just("True")
)


def of(*operations: dict) -> dict:
    return {"Operations": list(operations)}


def parsed(*operations: dict, kind: Type = USER) -> list[Operation]:
    return parse_operations(kind, of(*operations))


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "value": {"active": False}},
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": False},
        {"op": "replace", "value": {"id": "x", "schemas": [], "active": False}},
    ],
)
def test_a_deactivation_needs_no_reading(operation):
    assert fast_path.simple_values(parsed(operation)) == {"active": False}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "value": {"active": False, "userName": "x"}},
        {"op": "replace", "value": {"externalId": "x"}},
        {"op": "replace", "path": "name.givenName", "value": "x"},
        {"op": "replace", "value": {"name": {"givenName": "x"}}},
        {"op": "replace", "value": {"email": "x@y"}},
        {"op": "replace", "value": {"emails": []}},
        {"op": "replace", "value": {"title": ""}},
        {"op": "replace", "value": {"title": None}},
        {"op": "replace", "value": {"password": "x"}},
        {"op": "replace", "value": {"nobodyKnows": "x"}},
        {"op": "replace", "value": {"id": "x"}},
        {"op": "remove", "path": "title"},
        {"op": "replace", "value": "x"},
    ],
)
def test_a_patch_that_needs_the_stored_user_reads_it_first(operation):
    assert fast_path.simple_values(parsed(operation)) is None


simple = st.one_of(
    st.builds(
        lambda op, name, value: {"op": op, "path": name, "value": value},
        st.sampled_from(["add", "replace"]),
        st.sampled_from([name for name in NAMES if name != "id"]),
        SCALARS,
    ),
    st.builds(
        lambda op, value: {"op": op, "value": value},
        st.sampled_from(["add", "replace"]),
        st.dictionaries(st.sampled_from(NAMES), SCALARS, max_size=3),
    ),
)


@given(st.lists(simple, min_size=1, max_size=4))
def test_the_fast_path_gives_the_same_user_as_a_patch(operations):
    current = decode.user({"userName": "ann", "title": "old", "emails": [{"value": "a@b.example"}]})

    try:
        values = fast_path.simple_values(parsed(*operations))
    except ScimError:
        with pytest.raises(ScimError):
            apply.to_user(current, parsed(*operations))
        return

    if values is not None:
        assert {**current, **values} == apply.to_user(current, parsed(*operations))


@pytest.mark.parametrize(
    ("operation", "steps"),
    [
        ({"op": "add", "path": "members", "value": [{"value": "1"}]}, [("add", ["1"])]),
        ({"op": "remove", "path": 'members[value eq "1"]'}, [("remove", ["1"])]),
        ({"op": "replace", "value": {"members": []}}, [("replace", [])]),
        ({"op": "Add", "value": {"id": "x", "members": [{"value": "1"}]}}, [("add", ["1"])]),
    ],
)
def test_members_alone_need_no_reading(operation, steps):
    change = fast_path.member_steps(parsed(operation, kind=GROUP))

    assert change is not None
    assert change.steps == steps


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "value": {"displayName": "x"}},
        {"op": "replace", "value": {"displayName": "-", "members": []}},
        {"op": "replace", "path": "displayName", "value": "-"},
        {"op": "remove", "path": "externalId"},
    ],
)
def test_a_groups_attributes_are_read_first(operation):
    assert fast_path.member_steps(parsed(operation, kind=GROUP)) is None


async def test_a_patch_of_an_unknown_user_is_404_and_journaled(provider):
    path = "/Users/00000000-0000-4000-8000-000000000000"

    answer = await provider("PATCH", path, of({"op": "replace", "value": {"active": False}}))

    assert answer.status == 404
    assert (await provider.journal())[-1]["status"] == 404


async def test_a_patch_of_an_unknown_group_is_404_and_journaled(provider):
    path = "/Groups/00000000-0000-4000-8000-000000000000"

    answer = await provider("PATCH", path, of({"op": "add", "path": "members", "value": []}))

    assert answer.status == 404
    assert (await provider.journal())[-1]["status"] == 404


async def test_the_fast_path_keeps_all_other_attributes(provider):
    ann = await provider.user("ann@acme.example", title="old", externalId="1")
    before = (await provider("GET", f"/Users/{ann}")).body

    answer = await provider(
        "PATCH", f"/Users/{ann}", of({"op": "replace", "value": {"active": False, "title": "new"}})
    )

    changed = (await provider("GET", f"/Users/{ann}")).body
    assert answer.body == changed
    del before["meta"], changed["meta"]
    assert changed == {**before, "active": False, "title": "new"}
    found = await provider("GET", '/Users?filter=emails.value eq "ANN@acme.example"')
    assert found.body["totalResults"] == 1
    row = await provider.db.fetchrow("SELECT active, email, external_id FROM calscim.users")
    assert tuple(row) == (False, "ann@acme.example", "1")


async def test_repeating_it_changes_nothing_but_the_journal(provider):
    ann = await provider.user("ann@acme.example")
    off = of({"op": "replace", "value": {"active": False}})

    first = await provider("PATCH", f"/Users/{ann}", off)
    second = await provider("PATCH", f"/Users/{ann}", off)

    assert first.body == second.body
    assert first.headers["ETag"] == second.headers["ETag"] == 'W/"2"'
    assert len(await provider.journal()) == 3


async def test_a_version_that_is_named_is_respected(provider):
    ann = await provider.user("ann@acme.example")
    off = of({"op": "replace", "value": {"active": False}})

    assert (await provider("PATCH", f"/Users/{ann}", off, If_Match='W/"7"')).status == 412
    assert (await provider("PATCH", f"/Users/{ann}", off, If_Match='W/"1"')).status == 200
