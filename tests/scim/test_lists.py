"""Lists and searches over HTTP: pages, orders, and the attributes that a response shows."""

from typing import Any

import pytest

from calscim.scim.schema import ENTERPRISE_URN, GROUP_URN

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def patch(*operations):
    return {"schemas": [PATCH], "Operations": list(operations)}


async def test_pages_cover_each_user_once_in_a_stable_order(provider):
    users = [await provider.user(f"u{n:02}@a.io") for n in range(25)]

    seen = []
    for start in (1, 11, 21, 31):
        page = (await provider("GET", f"/Users?startIndex={start}&count=10")).body
        assert page["totalResults"] == 25
        assert page["startIndex"] == start
        assert page["itemsPerPage"] == len(page["Resources"])
        seen += [entry["id"] for entry in page["Resources"]]

    assert seen == users


@pytest.mark.parametrize(
    ("query", "count"),
    [("count=0", 0), ("count=-5", 0), ("startIndex=0&count=2", 2), ("startIndex=-3", 5)],
)
async def test_edges_of_paging_follow_the_rfc(provider, query, count):
    for n in range(5):
        await provider.user(f"u{n}@a.io")

    page = (await provider("GET", f"/Users?{query}")).body

    assert page["totalResults"] == 5
    assert len(page["Resources"]) == count


async def test_sorting_puts_missing_values_last(provider):
    for name, title in (("a@a.io", "Zoe"), ("b@a.io", None), ("c@a.io", "adam")):
        await provider.user(name, **({"title": title} if title else {}))

    up = (await provider("GET", "/Users?sortBy=title")).body["Resources"]
    down = (await provider("GET", "/Users?sortBy=title&sortOrder=descending")).body["Resources"]

    assert [one["userName"] for one in up] == ["c@a.io", "a@a.io", "b@a.io"]
    assert [one["userName"] for one in down] == ["b@a.io", "a@a.io", "c@a.io"]


async def test_search_by_post_is_the_same_as_by_get(provider):
    ann = await provider.user("ann@acme.com")
    await provider.group("Sales", ann)

    users = await provider(
        "POST", "/Users/.search", {"filter": 'userName sw "ann"', "attributes": ["userName"]}
    )
    everything = await provider(
        "POST", "/.search", {"filter": 'userName eq "ann@acme.com" or displayName eq "Sales"'}
    )

    assert [one["id"] for one in users.body["Resources"]] == [ann]
    assert "emails" not in users.body["Resources"][0]
    assert everything.status == 200


async def test_an_address_is_looked_up_by_any_of_its_names(provider):
    ann = await provider.user("ann", emails=[{"value": "Ann@Acme.com", "type": "work"}])

    for attribute in ("email", "emails", "emails.value", "EMAILS.VALUE"):
        found = (await provider("GET", f'/Users?filter={attribute}%20eq%20"ann@acme.com"')).body
        assert [one["id"] for one in found["Resources"]] == [ann], attribute


async def test_a_part_of_a_part_of_an_extension_can_be_chosen_and_left_out(provider):
    manager = {"value": "m", "$ref": "../Users/m"}
    ann = await provider.user("ann@acme.com", **{ENTERPRISE_URN: {"manager": manager}})
    name = f"{ENTERPRISE_URN}:manager.value"

    only = (await provider("GET", f"/Users/{ann}?attributes={name}")).body
    without = (await provider("GET", f"/Users/{ann}?excludedAttributes={name}")).body

    assert only[ENTERPRISE_URN] == {"manager": {"value": "m"}}
    assert without[ENTERPRISE_URN] == {"manager": {"$ref": "../Users/m"}}


async def test_values_without_requested_attributes_are_left_out(provider):
    emails = [{"value": "a@acme.com", "display": "A"}, {"value": "b@acme.com"}]
    ann = await provider.user("ann@acme.com", emails=emails)

    named = (await provider("GET", f"/Users/{ann}?attributes=emails.display")).body
    nothing = (await provider("GET", f"/Users/{ann}?attributes=emails.nosuch")).body

    assert named["emails"] == [{"display": "A"}]
    assert "emails" not in nothing


async def test_the_schemas_describe_the_actual_characteristics(provider):
    def named(attributes: list[dict[str, Any]], name: str) -> dict[str, Any]:
        return next(one for one in attributes if one["name"] == name)

    group = (await provider("GET", f"/Schemas/{GROUP_URN}")).body["attributes"]
    enterprise = (await provider("GET", f"/Schemas/{ENTERPRISE_URN}")).body["attributes"]

    assert named(group, "displayName")["uniqueness"] == "server"
    display = named(named(group, "members")["subAttributes"], "display")
    assert (display["mutability"], display["returned"]) == ("readOnly", "never")
    parts = named(enterprise, "manager")["subAttributes"]
    assert [part["required"] for part in parts] == [False, False, False]


async def test_a_count_or_start_beyond_all_numbers_is_a_page_like_another(provider):
    await provider.user("ann@acme.com")

    counted = (await provider("GET", f"/Users?count={'9' * 30}")).body
    started = (await provider("GET", f"/Users?startIndex={'9' * 30}")).body

    assert (counted["totalResults"], counted["itemsPerPage"]) == (1, 1)
    assert (started["totalResults"], started["itemsPerPage"]) == (1, 0)


async def test_a_whole_number_in_a_body_may_be_written_with_a_decimal_point(provider):
    await provider.user("ann@acme.com")

    page = await provider("POST", "/Users/.search", {"count": 1.0, "startIndex": 2.0})
    half = await provider("POST", "/Users/.search", {"count": 1.5})

    assert (page.status, page.body["startIndex"]) == (200, 2)
    assert (half.status, half.body["scimType"]) == (400, "invalidValue")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_write_that_wants_no_such_version_is_refused(provider, method):
    ann = await provider.user("ann@acme.com")
    sales = (await provider("POST", "/Groups", {"displayName": "Sales"})).body["id"]
    title = {"op": "add", "path": "title", "value": "x"}
    bodies = {"PUT": {"userName": "a", "displayName": "a"}, "PATCH": patch(title)}

    for path in (f"/Users/{ann}", f"/Groups/{sales}"):
        for tag in ("*", 'W/"1"'):
            refused = await provider(method, path, bodies.get(method), If_None_Match=tag)
            assert refused.status == 412, (path, tag)
    other = await provider(method, f"/Users/{ann}", bodies.get(method), If_None_Match='"9"')
    assert other.status in (200, 204)


async def test_a_repeated_parameter_adds_names_or_is_refused(provider):
    await provider.user("ann@acme.example", title="Engineer")

    several = (await provider("GET", "/Users?attributes=title&attributes=userName")).body
    equal = await provider("GET", "/Users?count=1&count=1")
    different = await provider("GET", "/Users?filter=title%20pr&filter=userName%20pr")

    assert {"title", "userName"} < set(several["Resources"][0])
    assert equal.status == 200
    assert (different.status, different.body["scimType"]) == (400, "invalidValue")


async def test_names_to_return_may_be_repeated_when_one_user_is_read(provider):
    ann = await provider.user("ann@acme.example", title="Engineer")

    read = await provider("GET", f"/Users/{ann}?attributes=title&Attributes=userName")

    assert set(read.body) == {"schemas", "id", "title", "userName"}


@pytest.mark.parametrize("body", [{"attributes": ["title", {}]}, {"sortOrder": {}}, {"sortBy": 7}])
async def test_a_parameter_of_another_type_is_refused(provider, body):
    answer = await provider("POST", "/Users/.search", body)

    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
