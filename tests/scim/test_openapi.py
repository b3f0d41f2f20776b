"""The OpenAPI descriptions are current and valid, and that of the SCIM API describes what the server answers."""

import pytest
from jsonschema import Draft202012Validator

from tools.openapi import document, listener

PAGE = document.document()
SCHEMAS = PAGE["components"]["schemas"]
USER = {
    "userName": "ann@acme.example",
    "name": {"givenName": "Ann"},
    "emails": [{"value": "ann@acme.example", "primary": True}],
    "urn:example:acme:2.0:User": {"badge": 7},
}


def problems(schema, value):
    whole = {"$ref": f"#/components/schemas/{schema}", "components": PAGE["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


@pytest.mark.parametrize("described", [document, listener])
def test_the_file_is_current(described):
    assert described.PAGE.read_text(encoding="utf-8") == described.text(), (
        "the file is outdated: run `make reference`"
    )


def test_every_reference_has_a_target_and_every_component_is_referenced():
    components = {
        f"#/components/{kind}/{name}"
        for kind, named in PAGE["components"].items()
        for name in named
        if kind != "securitySchemes"
    }

    assert set(references(PAGE)) == components


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid(name):
    Draft202012Validator.check_schema(SCHEMAS[name])


async def test_responses_have_the_described_form(provider):
    user = (await provider("POST", "/Users", USER)).body
    group = {"displayName": "Sales", "members": [{"value": user["id"]}]}
    group = (await provider("POST", "/Groups", group)).body
    listed = (await provider("GET", "/Users?cursor=")).body
    failed = (await provider("GET", "/Users?filter=nonsense")).body
    bulk = {"Operations": [{"method": "DELETE", "path": f"/Users/{user['id']}"}]}
    bulk = (await provider("POST", "/Bulk", bulk)).body

    assert problems("User", user) == problems("Group", group) == []
    assert problems("List", listed) == problems("Error", failed) == []
    assert problems("BulkResponse", bulk) == []
    assert [problems("User", one) for one in listed["Resources"]] == [[]]


async def test_every_described_path_is_served(provider):
    for path, operations in PAGE["paths"].items():
        answer = await provider("TRACE", path.replace("{id}", "7").replace("{name}", "User"))
        allowed = set(answer.headers.get("Allow", "").split(", ")) - {"HEAD"}

        described = {name.upper() for name in operations if name != "parameters"}
        assert (answer.status, allowed) == (405, described), path


def test_requests_of_identity_providers_have_the_described_form():
    okta = {"schemas": [], "userName": "ann", "active": True, "groups": [], "password": "x"}
    entra = {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    without_path = {"Operations": [{"op": "replace", "value": {"active": False}}]}
    removal = {"Operations": [{"op": "Remove", "path": "members", "value": [{"value": "7"}]}]}

    assert problems("UserInput", okta) == problems("UserPatch", entra) == []
    assert problems("UserPatch", without_path) == problems("GroupPatch", removal) == []
    assert problems("UserInput", {"displayName": "Ann"}) == ["'userName' is a required property"]
