"""Bulk requests over HTTP."""

from typing import Any

import pytest

from calscim import admin
from calscim.encryption import PLAIN


async def test_bulk_resolves_references_and_reports_each_operation(provider):
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "ann", "data": {"userName": "ann@a.io"}},
            {
                "method": "POST",
                "path": "/Groups",
                "bulkId": "sales",
                "data": {"displayName": "Sales", "members": [{"value": "bulkId:ann"}]},
            },
            {
                "method": "POST",
                "path": "/Users",
                "bulkId": "again",
                "data": {"userName": "ANN@a.io"},
            },
            {"method": "DELETE", "path": "/Users/nobody"},
        ],
    }

    answer = await provider("POST", "/Bulk", body)

    assert answer.status == 200
    assert [one["status"] for one in answer.body["Operations"]] == ["201", "201", "409", "404"]
    group = answer.body["Operations"][1]["location"].rpartition("/")[2]
    ann = answer.body["Operations"][0]["location"].rpartition("/")[2]
    assert await provider.members(group) == {ann}


async def test_an_operation_in_bulk_may_refer_to_a_later_one(provider):
    outer, inner, ann = (
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "outer",
            "data": {"displayName": "Outer", "members": [{"value": "bulkId:inner"}]},
        },
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "inner",
            "data": {"displayName": "Inner", "members": [{"value": "bulkId:ann"}]},
        },
        {"method": "POST", "path": "/Users", "bulkId": "ann", "data": {"userName": "ann@a.io"}},
    )
    deactivated = {"method": "PUT", "path": "/Users/bulkId:ann", "data": {"userName": "a@a.io"}}

    answer = await provider("POST", "/Bulk", {"Operations": [deactivated, outer, inner, ann]})

    told = [(one.get("bulkId"), one["status"]) for one in answer.body["Operations"]]
    assert told == [(None, "200"), ("outer", "201"), ("inner", "201"), ("ann", "201")]
    outer, inner, ann = (
        one["location"].rpartition("/")[2] for one in answer.body["Operations"][1:]
    )
    assert await provider.members(outer) == {inner}
    assert await provider.members(inner) == {ann}


async def test_operations_in_bulk_that_refer_to_each_other_in_a_circle_are_refused(provider):
    def group(name: str, member: str) -> dict[str, Any]:
        data = {"displayName": name, "members": [{"value": f"bulkId:{member}"}]}
        return {"method": "POST", "path": "/Groups", "bulkId": name, "data": data}

    circle = [group("a", "b"), group("b", "c"), group("c", "a"), group("self", "self")]

    answer = await provider("POST", "/Bulk", {"Operations": circle})

    assert [one["status"] for one in answer.body["Operations"]] == ["409"] * 4
    assert (await provider("GET", "/Groups")).body["totalResults"] == 0


async def test_a_text_that_speaks_of_a_bulk_id_is_no_reference(provider):
    data = {"userName": "ann@a.io", "title": "keeper of bulkId:ann"}
    made = {"method": "POST", "path": "/Users", "bulkId": "x", "data": data}

    answer = await provider("POST", "/Bulk", {"Operations": [made]})

    ann = answer.body["Operations"][0]["location"].rpartition("/")[2]
    assert (await provider("GET", f"/Users/{ann}")).body["title"] == "keeper of bulkId:ann"


async def test_refused_operations_of_a_bulk_request_are_journaled_as_they_came(provider):
    await provider.user("ann@acme.com")

    answer = await provider(
        "POST",
        "/Bulk",
        {
            "Operations": [
                {
                    "method": "POST",
                    "path": "/Users",
                    "bulkId": "1",
                    "data": {"userName": "ANN@acme.com", "password": "s3cr3t"},
                },
                {"method": "DELETE", "path": "/Users/nobody"},
                {"method": "MOVE"},
                {"method": "POST", "path": "/Users", "bulkId": "2", "data": {"userName": "bob"}},
            ]
        },
    )

    assert [one["status"] for one in answer.body["Operations"]] == ["409", "404", "400", "201"]
    rows = [(row["kind"], row["status"]) for row in (await provider.journal())[1:]]
    assert rows == [("refused", 409), ("refused", 404), ("refused", 400), ("scim", 201)]
    first = (await provider.journal())[1]
    assert first["path"].endswith("/Bulk#0")
    assert b"ANN@acme.com" in first["body"] and b"s3cr3t" not in first["body"]


async def test_a_bulk_request_ends_with_the_token_that_is_revoked_meanwhile(provider):
    [token] = await admin.tokens(provider.db, provider.directory)
    await provider("GET", "/Users")
    await admin.revoke_token(provider.db, admin.Editor(by="test", cipher=PLAIN), token)

    answer = await provider(
        "POST",
        "/Bulk",
        {
            "Operations": [
                {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"userName": "a"}}
            ]
        },
    )

    assert answer.status == 401
    assert not await provider.journal()


async def test_a_bulk_id_names_one_resource(provider):
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": name}}
        for name in ("ann", "bob")
    ]

    answer = await provider("POST", "/Bulk", {"Operations": operations})

    assert [one["status"] for one in answer.body["Operations"]] == ["201", "400"]
    assert answer.body["Operations"][1]["response"]["scimType"] == "invalidValue"


async def test_an_operation_without_an_id_has_no_location(provider):
    put = {"method": "PUT", "path": "/Users", "data": {"userName": "ann"}}

    answer = await provider("POST", "/Bulk", {"Operations": [put]})

    assert answer.body["Operations"][0]["status"] == "405"
    assert "location" not in answer.body["Operations"][0]


@pytest.mark.parametrize("limit", [-1, 1.5, True, "1"])
async def test_fail_on_errors_that_is_no_number_of_errors_is_refused(provider, limit):
    body = {"failOnErrors": limit, "Operations": [{"method": "DELETE", "path": "/Users/nobody"}]}

    answer = await provider("POST", "/Bulk", body)

    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")


@pytest.mark.parametrize(("limit", "performed"), [(0, 3), (1, 1), (2.0, 2), (9, 3)])
async def test_a_bulk_request_ends_after_its_number_of_errors(provider, limit, performed):
    operations = [{"method": "DELETE", "path": "/Users/nobody"}] * 3

    answer = await provider("POST", "/Bulk", {"failOnErrors": limit, "Operations": operations})

    assert len(answer.body["Operations"]) == performed
