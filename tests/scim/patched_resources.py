"""Two resources, and the functions that apply PATCH operations to them."""

import copy

import pytest

from calscim.errors import ScimError
from calscim.scim import decode
from calscim.scim.patch import apply
from calscim.scim.patch.operations import parse_operations
from calscim.scim.schema import ENTERPRISE_URN, GROUP, USER

CUSTOM = "urn:example:params:scim:schemas:extension:hr:2.0:User"
ADA = decode.user(
    {
        "userName": "ada@example.com",
        "externalId": "00u1",
        "name": {"givenName": "Ada", "familyName": "King"},
        "title": "Countess",
        "emails": [
            {"value": "ada@example.com", "type": "work", "primary": True},
            {"value": "ada@home.example", "type": "home"},
        ],
        "phoneNumbers": [{"value": "+44 1", "type": "work"}],
        ENTERPRISE_URN: {"department": "Engines", "manager": {"value": "m1"}},
        CUSTOM: {"shoeSize": 42},
    }
)
TEAM = decode.group({"displayName": "Engineering", "externalId": "00g1"})[0]
MISSING = object()


def body(*operations, kind=USER):
    schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
    return parse_operations(kind, {"schemas": schemas, "Operations": list(operations)})


def patched(op, path=None, value=MISSING, *, of=ADA):
    operation = {"op": op}
    if path is not None:
        operation["path"] = path
    if value is not MISSING:
        operation["value"] = value
    return apply.to_user(of, body(operation))


def refused(*operations, of=ADA):
    before = copy.deepcopy(of)
    with pytest.raises(ScimError) as caught:
        apply.to_user(of, body(*operations))
    assert caught.value.status == 400
    assert of == before
    return caught.value.scim_type


def steps(*operations):
    return apply.to_group(TEAM, body(*operations, kind=GROUP)).steps
