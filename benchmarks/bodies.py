"""Build the SCIM request bodies that an identity provider sends."""

import orjson


def user(number: int, first: str = "Ann", made: str | None = None) -> bytes:
    """Return a user as Okta sends it, about 500 bytes. ``made`` is the id of the user in a PUT."""
    return orjson.dumps(
        {
            **({} if made is None else {"id": made}),
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": f"user{number}@acme.example",
            "name": {"givenName": first, "familyName": f"Number{number}"},
            "emails": [{"primary": True, "value": f"user{number}@acme.example", "type": "work"}],
            "displayName": f"{first} Number{number}",
            "locale": "en-US",
            "externalId": f"00u{number:017d}",
            "groups": [],
            "active": True,
        }
    )


def patch(*operations: dict[str, object]) -> bytes:
    """Return a PATCH request with these operations."""
    return orjson.dumps(
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": list(operations),
        }
    )


def group(name: str, members: list[str]) -> bytes:
    """Return a group with the members of these ids."""
    return orjson.dumps(
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": [{"value": member} for member in members],
        }
    )
