"""How large a stored resource may become. Postgres sends all of it with every page that it is on."""

from typing import Any

import orjson

from calscim.errors import ScimError
from calscim.scim.schema import is_foreign

# A user with 500 values of each multi-valued attribute of RFC 7643 has about 250 kB; one of Okta's has 500 bytes.
LARGEST_RESOURCE = 256 * 1024  # bytes as JSON, without a group's members
# The daemon keeps unknown extensions, but does nothing with them. Those of identity providers have less than 2 kB.
LARGEST_EXTENSION = 64 * 1024


def as_stored(resource: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    """The resource as JSON. ScimError 400 if it is too large, unless it was so ``before`` and has not grown."""
    data = orjson.dumps(resource)
    if len(data) > LARGEST_EXTENSION:
        _check(resource, data, {} if before is None else before)
    return data.decode()


def check_extension(name: str, value: Any) -> None:
    """ScimError 400 for an unknown extension that cannot be stored: known before each of its values is looked at."""
    _insist(f"the extension {name[:200]}", len(orjson.dumps(value)), LARGEST_EXTENSION, None)


def _check(resource: dict[str, Any], data: bytes, before: dict[str, Any]) -> None:
    for name, value in resource.items():
        if is_foreign(name):
            size = len(orjson.dumps(value))
            _insist(f"the extension {name[:200]}", size, LARGEST_EXTENSION, before.get(name))
    _insist("the resource", len(data), LARGEST_RESOURCE, before)


def _insist(what: str, size: int, most: int, before: Any) -> None:
    if size > most and size > len(orjson.dumps(before)):
        raise ScimError(
            400, f"{what} has {size} bytes as JSON: send at most {most}", "invalidValue"
        )
