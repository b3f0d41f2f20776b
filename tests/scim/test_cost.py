"""PATCH operations that compare too many values are refused before the first of them is applied."""

from typing import Any

import pytest

from calscim.errors import ScimError
from calscim.scim import cost
from calscim.scim.filter.parse import parse_filter
from calscim.scim.patch.operations import parse_operations
from calscim.scim.schema import USER

MANY = [{"value": f"p{n}@acme.example", "type": "work"} for n in range(490)]


def removes(operations: int, comparisons: int) -> list[dict[str, Any]]:
    return [
        {
            "op": "remove",
            "path": "emails["
            + " or ".join(f'value eq "a{n}.{m}@acme.example"' for m in range(comparisons))
            + "]",
        }
        for n in range(operations)
    ]


def cost_of(resource: dict[str, Any], *operations: dict[str, Any]) -> int:
    return cost.patch_cost(USER, resource, parse_operations(USER, {"Operations": list(operations)}))


async def test_thirty_removes_with_twenty_comparisons_over_490_values_are_too_many(
    provider,
) -> None:
    ann = await provider.user("ann@acme.example", emails=MANY)

    answer = await provider("PATCH", f"/Users/{ann}", {"Operations": removes(30, 20)})

    assert (answer.status, answer.body["scimType"]) == (400, "tooMany")
    assert "send fewer of them in one request" in answer.body["detail"]
    assert (await provider.journal())[-1]["status"] == 400


async def test_as_many_operations_as_are_allowed_pass_on_a_user_with_few_values(provider) -> None:
    ann = await provider.user("ann@acme.example", emails=MANY[:5])

    answer = await provider("PATCH", f"/Users/{ann}", {"Operations": removes(250, 5)})

    assert answer.status == 200, answer


async def test_the_operations_of_a_bulk_request_share_one_budget(provider) -> None:
    ann = await provider.user("ann@acme.example", emails=MANY)
    entry = {"method": "PATCH", "path": f"/Users/{ann}", "data": {"Operations": removes(2, 20)}}

    answer = await provider("POST", "/Bulk", {"Operations": [entry] * 4})

    statuses = [one["status"] for one in answer.body["Operations"]]
    assert statuses == ["200", "400", "400", "400"]
    assert answer.body["Operations"][-1]["response"]["scimType"] == "tooMany"


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": 'emails[value co "a"]'},
        {"op": "replace", "path": 'emails[value co "a"].type', "value": "home"},
        {"op": "remove", "path": 'urn:ietf:params:scim:schemas:core:2.0:User:emails[value co "a"]'},
        {"op": "add", "value": {'emails[value co "a"].type': "home"}},
        {"op": "add", "value": {USER.urn: {'emails[value co "a"].type': "home"}}},
        {"op": "add", "path": USER.urn, "value": {'emails[value co "a"].type': "home"}},
    ],
)
def test_a_filter_counts_in_every_spelling(operation: dict[str, Any]) -> None:
    assert cost_of({"userName": "ann", "emails": MANY}, operation) > len(MANY)


def test_values_count_that_the_same_request_adds() -> None:
    adding = {"op": "add", "path": "emails", "value": MANY}

    assert cost_of({"userName": "ann"}, adding, *removes(30, 20)) > cost.MAX_COST


def test_long_texts_count_for_more() -> None:
    long = [{"value": "x" * 5000 + f"{n}@acme.example"} for n in range(40)]

    assert cost_of({"userName": "ann", "emails": long}, *removes(1, 20)) > cost.MAX_COST


def test_values_without_a_value_are_compared_by_all_that_they_have() -> None:
    addresses = [{"formatted": f"Street {n}"} for n in range(450)]
    adding = {"op": "add", "path": "addresses", "value": [{"formatted": "x"}] * 400}

    assert cost_of({"userName": "ann", "addresses": addresses}, adding) > cost.MAX_COST


def test_operations_on_a_large_unknown_extension_count() -> None:
    urn = "urn:example:params:bulky:2.0:User"
    resource = {"userName": "ann", urn: {"items": [{"n": "x" * 20} for _ in range(1500)]}}
    one = {"op": "remove", "path": f'{urn}:items[n eq "a"]'}

    assert cost_of(resource, *[one] * 40) > cost.MAX_COST
    assert cost_of(resource, {"op": "add", "path": f"{urn}:a", "value": "b"}) < cost.INLINE_COST


def test_requests_of_identity_providers_cost_little() -> None:
    ann = {"userName": "ann", "emails": MANY[:3], "active": True}
    entra = {"op": "replace", "path": 'emails[type eq "work"].value', "value": "b@acme.example"}

    assert cost_of(ann, entra, {"op": "replace", "path": "active", "value": False}) < 50


def test_the_brackets_of_a_path_cost_by_their_comparisons_and_are_not_parsed_for_it() -> None:
    joined = " and ".join(['value eq "or"'] * 300)
    paths = [f"photos[{joined}]", f"urn:x:y:1.0:User:a[{joined}]"]

    for path in paths:
        one = {"op": "remove", "path": path}
        assert 300 * cost.PARSING <= cost_of({"userName": "ann"}, one) < 301 * cost.PARSING
        assert cost_of({"userName": "ann"}, *[one] * 40) > cost.MAX_COST


def test_an_open_quote_in_a_path_is_read_once() -> None:
    endless = 'emails["' + '\\"' * 500_000  # once for each quote would take hours

    assert cost_of({"userName": "ann"}, {"op": "remove", "path": endless}) < 50
    with pytest.raises(ScimError, match="invalid"):
        parse_filter('title eq "' + '\\"' * 4000)


async def test_a_group_is_renamed_together_with_many_operations_on_members(provider) -> None:
    sales = (await provider("POST", "/Groups", {"displayName": "Sales"})).body["id"]
    rename = {"op": "replace", "path": "displayName", "value": "Sellers"}
    members = [{"op": "add", "path": "members", "value": [{"value": str(n)}]} for n in range(1000)]

    answer = await provider("PATCH", f"/Groups/{sales}", {"Operations": [rename, *members]})

    assert answer.status == 204, answer


async def test_paths_with_too_many_comparisons_on_members_are_refused(provider) -> None:
    sales = (await provider("POST", "/Groups", {"displayName": "Sales"})).body["id"]
    path = "members[" + " or ".join(['value eq "a"'] * 300) + "]"

    answer = await provider(
        "PATCH", f"/Groups/{sales}", {"Operations": [{"op": "remove", "path": path}] * 40}
    )

    assert (answer.status, answer.body["scimType"]) == (400, "tooMany")


def test_a_budget_is_spent_once() -> None:
    budget = cost.Budget()

    budget.spend(cost.MAX_COST)

    with pytest.raises(ScimError, match="compare too many values"):
        budget.spend(1)
