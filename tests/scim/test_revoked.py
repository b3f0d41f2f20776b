"""Every request of a token that is no longer valid gets 401 and has no effect."""

import json

import pytest

from calscim import admin
from calscim.encryption import PLAIN

EDITOR = admin.Editor(by="test", cipher=PLAIN)
LARGE = b'{"userName": "' + b"x" * 200_000 + b'"}'
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
PATCH = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": []}

REQUESTS = {
    "read": ("GET", "/Users", None, {}),
    "head": ("HEAD", "/Users", None, {}),
    "configuration": ("GET", "/ServiceProviderConfig", None, {}),
    "schemas": ("GET", "/Schemas", None, {}),
    "a schema that there is not": ("GET", "/Schemas/nosuch", None, {}),
    "resource types": ("GET", "/ResourceTypes", None, {}),
    "a bad filter": ("GET", "/Users?filter=nosuch", None, {}),
    "no endpoint": ("GET", "/Nothing", None, {}),
    "me": ("GET", "/Me", None, {}),
    "a wrong method": ("PATCH", "/Users", b"{}", {}),
    "no JSON": ("POST", "/Users", b"{", {}),
    "no userName": ("POST", "/Users", b"{}", {}),
    "another type": ("POST", "/Users", b"{}", {"Content_Type": "text/plain"}),
    "another coding": ("POST", "/Users", b"{}", {"Content_Encoding": "br"}),
    "a large body": ("POST", "/Users", LARGE, {}),
    "too large a body": ("POST", "/Users", LARGE * 20, {}),
    "a user that there is not": ("PATCH", "/Users/{none}", json.dumps(PATCH).encode(), {}),
    "no id": ("DELETE", "/Users/nobody", None, {}),
    "a precondition": ("DELETE", "/Users/{user}", None, {"If_Match": 'W/"99"'}),
    "a change under a precondition": (
        "PUT",
        "/Users/{user}",
        b'{"userName": "ann"}',
        {"If_Match": 'W/"99"'},
    ),
    "a search": ("POST", "/.search", b"{}", {}),
    "a bad search": ("POST", "/Users/.search", b'{"count": true}', {}),
    "bulk that is refused": (
        "POST",
        "/Bulk",
        json.dumps({"schemas": [BULK], "Operations": [{"method": "NO"}]}).encode(),
        {},
    ),
    "empty bulk": ("POST", "/Bulk", b'{"Operations": []}', {}),
}


async def revoked(provider):
    [token] = await admin.tokens(provider.db, provider.directory)
    await admin.revoke_token(provider.db, EDITOR, token)


async def expired(provider):
    await provider.owner.execute("UPDATE calscim.tokens SET expires_at = now() - interval '1 s'")


async def deleted(provider):
    await admin.delete_directory(provider.db, EDITOR, provider.directory)


@pytest.mark.parametrize("end", [revoked, expired, deleted], ids=lambda one: one.__name__)
@pytest.mark.parametrize("asked", REQUESTS)
async def test_a_token_that_has_ended_gets_401_and_leaves_no_row(provider, owner, end, asked):
    method, path, body, headers = REQUESTS[asked]
    user = await provider.user("ann@acme.com")  # the daemon knows the token from now on
    provider.owner = owner
    await end(provider)
    rows = len(await provider.journal())

    path = path.format(user=user, none="00000000-0000-0000-0000-000000000000")
    answer = await provider(method, path, raw=body, **headers)

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert len(await provider.journal()) == rows
