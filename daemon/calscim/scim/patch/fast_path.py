"""PATCHes that say all there is to know, so that nothing has to be read before they are made.

Most of what providers send is of this kind: somebody is (de)activated, members come and go.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from calscim.scim import decode
from calscim.scim.patch.apply import GroupChange, Operation, group, is_members
from calscim.scim.schema import USER, USER_URN

_KEYED = ("userName", "externalId")  # what is looked up by, or has to be unique
_SAID_ALONG = ("id", "schemas", "meta")
_NOBODY = {"displayName": "-"}


def values(operations: Iterable[Operation]) -> dict[str, Any] | None:
    """Top-level attributes that a user's PATCH sets, each of one simple value; None where it does more.

    The user after it is the user before it with these in place.
    """
    given: dict[str, Any] = {}
    for operation in operations:
        named = _named(operation)
        if operation.op == "remove" or named is None:
            return None
        for name, value in named.items():
            attribute = USER.attributes.get(name.lower().removeprefix(f"{USER_URN.lower()}:"))
            if attribute is None or attribute.multi or attribute.subs or attribute.read_only:
                return None
            if attribute.write_only or attribute.name in _KEYED:
                return None
            made = decode.coerced(attribute, attribute.name, value)
            if made is None:
                return None
            given[attribute.name] = made
    return given or None


def members(operations: Sequence[Operation]) -> GroupChange | None:
    """The steps of a group's PATCH that is about members only; None where it does more."""
    for operation in operations:
        if operation.path is not None:
            if not is_members(operation.path):
                return None
        elif (named := _named(operation)) is None or not all(map(is_members, named)):
            return None
    return group(_NOBODY, operations)


def _named(operation: Operation) -> dict[str, Any] | None:
    if operation.path is not None:
        return {operation.path: operation.value}
    if not isinstance(operation.value, dict):
        return None
    return {
        name: value for name, value in operation.value.items() if name.lower() not in _SAID_ALONG
    }
