"""The operations of a PATCH request (RFC 7644 section 3.5.2), as they stand in its body."""

from dataclasses import dataclass
from typing import Any

from calscim.errors import ScimError
from calscim.scim.schema import Type

MAX_OPERATIONS = {
    "User": 250,
    "Group": 5000,
}  # those of a group mostly name members, which cost little
_OPS = ("add", "replace", "remove")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``op``: add, replace or remove."""

    op: str
    path: str | None
    value: Any
    has_value: bool


def parse_operations(kind: Type, body: dict[str, Any]) -> list[Operation]:
    """Return the operations of a body. Raise ScimError(400) if it has none, too many or an invalid one."""
    low = {name.lower(): value for name, value in body.items()}
    entries = low.get("operations")
    if not isinstance(entries, list) or not entries:
        raise ScimError(400, '"Operations" must be a non-empty array', "invalidSyntax")
    limit = MAX_OPERATIONS[kind.name]
    if len(entries) > limit:
        raise ScimError(
            400,
            f"the request has more than {limit} operations: send them in several requests",
            "invalidSyntax",
        )
    return [_operation(entry) for entry in entries]


def _operation(entry: Any) -> Operation:
    if not isinstance(entry, dict):
        raise ScimError(400, 'each of "Operations" must be an object', "invalidSyntax")
    low = {name.lower(): value for name, value in entry.items()}
    op = low.get("op")
    if not isinstance(op, str) or op.lower() not in _OPS:
        raise ScimError(400, '"op" must be add, replace or remove', "invalidSyntax")
    path = low.get("path")
    if path is not None and not isinstance(path, str):
        raise ScimError(400, '"path" must be a string', "invalidPath")
    if not path and op.lower() == "remove":
        raise ScimError(400, 'a remove operation must have a "path"', "noTarget")
    if op.lower() != "remove" and "value" not in low:
        raise ScimError(
            400, f'an operation with op {op.lower()} must have a "value"', "invalidValue"
        )
    return Operation(op.lower(), path or None, low.get("value"), "value" in low)
