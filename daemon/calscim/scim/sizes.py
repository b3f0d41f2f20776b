"""The maximum size of a stored resource. Postgres sends the whole resource with each page that shows it."""

from typing import Any

import orjson

from calscim.errors import ScimError
from calscim.scim.schema import is_unknown_extension

# A user with 500 values of each multi-valued attribute of RFC 7643 has about 250 kB; one of Okta's has 500 bytes.
MAX_RESOURCE = 256 * 1024  # bytes as JSON, without a group's members
# Extensions without a schema are stored and have no effect. Those of identity providers have less than 2 kB.
MAX_EXTENSION = 64 * 1024


def to_stored_json(resource: dict[str, Any], stored: dict[str, Any] | None = None) -> str:
    """Return the resource as JSON. Raise ScimError(400) if it is too large and larger than the ``stored`` one."""
    data = orjson.dumps(resource)
    if len(data) > MAX_EXTENSION:
        _check(resource, data, {} if stored is None else stored)
    return data.decode()


def check_extension(name: str, value: Any) -> None:
    """Raise ScimError(400) for an extension that is too large to store, before its values are checked singly."""
    _check_size(f"the extension {name[:200]}", len(orjson.dumps(value)), MAX_EXTENSION, None)


def _check(resource: dict[str, Any], data: bytes, stored: dict[str, Any]) -> None:
    for name, value in resource.items():
        if is_unknown_extension(name):
            size = len(orjson.dumps(value))
            _check_size(f"the extension {name[:200]}", size, MAX_EXTENSION, stored.get(name))
    _check_size("the resource", len(data), MAX_RESOURCE, stored)


def _check_size(what: str, size: int, limit: int, stored: Any) -> None:
    if size > limit and size > len(orjson.dumps(stored)):
        raise ScimError(
            400, f"{what} has {size} bytes as JSON: send at most {limit}", "invalidValue"
        )
