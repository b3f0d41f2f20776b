"""PATCH requests that Postgres can apply without a read of the resource before.

Most requests of identity providers are of this kind: they activate or deactivate a user, or add and remove members.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from calscim.directory.indexed_attributes import indexed_attribute
from calscim.scim.coerce import coerce
from calscim.scim.patch.apply import to_group
from calscim.scim.patch.members import GroupChange, is_members_path
from calscim.scim.patch.operations import Operation
from calscim.scim.schema import USER, USER_URN

_IGNORED = ("id", "schemas", "meta")
_ANY_GROUP = {"displayName": "-"}


def simple_values(operations: Iterable[Operation]) -> dict[str, Any] | None:
    """Return the top-level attributes that a PATCH of a user sets, or None if it does more than set simple values.

    An indexed attribute is not simple: it has a column beside ``data``.
    """
    values: dict[str, Any] = {}
    for operation in operations:
        named = _named_values(operation)
        if operation.op == "remove" or named is None:
            return None
        for name, value in named.items():
            attribute = USER.attributes.get(name.lower().removeprefix(f"{USER_URN.lower()}:"))
            if attribute is None or attribute.multi or attribute.subs or attribute.read_only:
                return None
            if attribute.write_only or indexed_attribute("u", attribute.name.lower()):
                return None
            coerced = coerce(attribute, attribute.name, value)
            if coerced is None:
                return None
            values[attribute.name] = coerced
    return values or None


def member_steps(operations: Sequence[Operation]) -> GroupChange | None:
    """Return the steps of a PATCH that changes the members of a group only, or None if it does more."""
    for operation in operations:
        if operation.path is not None:
            if not is_members_path(operation.path):
                return None
        elif (named := _named_values(operation)) is None or not all(map(is_members_path, named)):
            return None
    return to_group(_ANY_GROUP, operations)


def _named_values(operation: Operation) -> dict[str, Any] | None:
    if operation.path is not None:
        return {operation.path: operation.value}
    if not isinstance(operation.value, dict):
        return None
    return {name: value for name, value in operation.value.items() if name.lower() not in _IGNORED}
