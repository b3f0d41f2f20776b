"""What Microsoft's validator of SCIM endpoints asks of a server, before an app enters the gallery of Entra ID.

The validator (AzureAD/SCIMReferenceCode, Microsoft.SCIM.LogicAppValidationTemplate, SCIMTests_Workflow.json) runs in Azure.
Its tests of the SCIM endpoint are here with the attributes that Entra ID maps by default.
"""

import pytest

from calscim.scim.schema import ENTERPRISE_URN, GROUP_URN, USER_URN
from tests.scim.conftest import patch

USER_ATTRIBUTES = [
    "userName",
    "active",
    "externalId",
    "displayName",
    "title",
    "preferredLanguage",
    "name.givenName",
    "name.familyName",
    "name.formatted",
    'emails[type eq "work"].value',
    *(
        f'addresses[type eq "work"].{part}'
        for part in ("formatted", "streetAddress", "locality", "region", "postalCode", "country")
    ),
    *(f'phoneNumbers[type eq "{kind}"].value' for kind in ("work", "mobile", "fax")),
    *(
        f"{ENTERPRISE_URN}:{name}"
        for name in ("employeeNumber", "department", "division", "costCenter", "manager")
    ),
]
GROUP_ATTRIBUTES = ["displayName", "externalId", "members"]
KEPT = ("userName", "active", "externalId", f"{ENTERPRISE_URN}:manager")
OPTIONAL = [path for path in USER_ATTRIBUTES if path not in KEPT]


def flattened(schema):
    """Yield the attributes of a schema as the validator names them."""
    for attribute in schema["attributes"]:
        name, parts = attribute["name"], attribute.get("subAttributes", [])
        kinds = next((part for part in parts if part["name"] == "type"), {})
        values = [part["name"] for part in parts if part["name"] not in ("type", "primary")]
        if schema["id"] == ENTERPRISE_URN:
            yield f"{schema['id']}:{name}"
        elif name == "members" or attribute["type"] not in ("complex", "reference"):
            yield name
        elif attribute["multiValued"]:
            for kind in kinds.get("canonicalValues", ()):
                yield from (f'{name}[type eq "{kind}"].{value}' for value in values)
        else:
            yield from (f"{name}.{value}" for value in values)


def value_at(user, path):
    """Return what a user has at a path of Entra ID."""
    if path.startswith("urn:"):
        urn, _, name = path.rpartition(":")
        return user.get(urn, {}).get(name)
    name, bracket, rest = path.partition("[")
    if bracket:
        kind, part = rest.split('"')[1], rest.rpartition(".")[2]
        found = [value for value in user.get(name, []) if value.get("type") == kind]
        return found[0].get(part) if found else None
    name, _, part = path.partition(".")
    return user.get(name, {}).get(part) if part else user.get(name)


def replacements(values, *, in_one):
    """Return operations by path, or one operation for all paths without brackets, by the setting of the app."""
    by_path = [{"op": "replace", "path": path, "value": value} for path, value in values.items()]
    if not in_one:
        return by_path
    together = {path: value for path, value in values.items() if "[" not in path}
    return [
        *(operation for operation in by_path if "[" in operation["path"]),
        {"op": "replace", "value": together},
    ]


async def test_every_mapped_attribute_is_in_the_schemas(provider):
    schemas = (await provider("GET", "/Schemas")).body["Resources"]

    names = {urn: set() for urn in (USER_URN, ENTERPRISE_URN, GROUP_URN)}
    for schema in schemas:
        names[schema["id"]] |= {name.lower() for name in flattened(schema)}
    of_users = names[USER_URN] | names[ENTERPRISE_URN]
    assert [name for name in USER_ATTRIBUTES if name.lower() not in of_users] == []
    assert [name for name in GROUP_ATTRIBUTES if name.lower() not in names[GROUP_URN]] == []


@pytest.mark.parametrize("in_one", [False, True])
async def test_every_optional_attribute_can_be_set_and_cleared(provider, in_one):
    user_id = await provider.user("ida@one.example")
    values = dict.fromkeys(OPTIONAL, "upd-1") | {'emails[type eq "work"].value': "upd@one.example"}

    for given in (values, dict.fromkeys(OPTIONAL, ""), dict.fromkeys(OPTIONAL, None)):
        answer = await provider(
            "PATCH", f"/Users/{user_id}", patch(*replacements(given, in_one=in_one))
        )
        assert answer.status in (200, 204), answer.body
        user = (await provider("GET", f"/Users/{user_id}")).body
        assert {path: value_at(user, path) or "" for path in OPTIONAL} == {
            path: value or "" for path, value in given.items()
        }


async def test_the_manager_can_be_set_changed_and_removed(provider):
    user_id = await provider.user("ida@one.example")
    path = f"{ENTERPRISE_URN}:manager"

    for op, value in (("Add", "m1"), ("Replace", "m2"), ("Replace", "")):
        operation = {"op": op, "path": path, "value": value}
        answer = await provider("PATCH", f"/Users/{user_id}", patch(operation))
        assert answer.status in (200, 204)
        user = (await provider("GET", f"/Users/{user_id}")).body
        assert (value_at(user, path) or {}).get("value", "") == value


async def test_a_group_can_be_created_and_updated(provider):
    body = {"schemas": [GROUP_URN], "displayName": "Sales", "externalId": "g1"}
    group = (await provider("POST", "/Groups", body)).body
    assert group["id"]
    assert group["displayName"] == "Sales"

    new = {"displayName": "upd-1", "externalId": "upd-2"}
    answer = await provider(
        "PATCH", f"/Groups/{group['id']}", patch(*replacements(new, in_one=False))
    )

    assert answer.status in (200, 204)
    shown = (await provider("GET", f"/Groups/{group['id']}")).body
    assert {name: shown[name] for name in new} == new


@pytest.mark.parametrize("endpoint", ["Users", "Groups"])
async def test_pages_of_five_begin_where_they_were_asked_to(provider, endpoint):
    for number in range(11):
        create = provider.user if endpoint == "Users" else provider.group
        await create(f"a{number}@one.example")

    for start in (1, 6, 11):
        answer = await provider("GET", f"/{endpoint}?startIndex={start}&count=5")
        assert (answer.status, answer.body["startIndex"]) == (200, start)
        assert len(answer.body["Resources"]) == min(5, 12 - start)


async def test_the_validator_needs_a_value_for_the_address(provider):
    """Without ``scimTargetUserValues`` the validator writes a text that is no address, which calscim refuses."""
    user_id = await provider.user("ida@one.example")

    operation = {"op": "replace", "path": 'emails[type eq "work"].value', "value": "upd-1a2b3c4d"}
    answer = await provider("PATCH", f"/Users/{user_id}", patch(operation))

    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
