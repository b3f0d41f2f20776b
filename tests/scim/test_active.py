"""An unassigned ``active`` (null, "", left out or removed) never activates a user (RFC 7643 section 2.5)."""

import pytest

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def put(**given):
    return "PUT", {"userName": "ada@acme.example", **given}


def patch(*operations):
    return "PATCH", {"schemas": [PATCH], "Operations": list(operations)}


UNASSIGNED = {
    "put without it": put(),
    "put null": put(active=None),
    "put empty": put(active=""),
    "put an empty list": put(active=[]),
    "remove": patch({"op": "remove", "path": "active"}),
    "replace by null": patch({"op": "replace", "path": "active", "value": None}),
    "replace by an empty text": patch({"op": "replace", "path": "active", "value": ""}),
    "add null without a path": patch({"op": "add", "value": {"active": None}}),
    "replace without a path": patch({"op": "replace", "value": {"active": "", "title": "Boss"}}),
    "remove by its full name": patch(
        {"op": "remove", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active"}
    ),
}


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("way", UNASSIGNED)
async def test_a_change_that_leaves_active_unassigned_keeps_it(provider, way, active):
    body = {"userName": "ada@acme.example", "active": active}
    made = (await provider("POST", "/Users", body)).body
    method, change = UNASSIGNED[way]

    answer = await provider(method, f"/Users/{made['id']}", change)

    assert answer.status == 200, answer
    shown = (await provider("GET", f"/Users/{made['id']}")).body
    assert shown.get("active", active) is active  # a removed attribute is not shown
    [row] = await provider.db.fetch("SELECT active FROM calscim.users")
    assert row["active"] is active


@pytest.mark.parametrize("given", [{}, {"active": None}, {"active": ""}])
async def test_a_new_user_is_active_by_default(provider, given):
    answer = await provider("POST", "/Users", {"userName": "ada@acme.example", **given})

    assert answer.body["active"] is True
