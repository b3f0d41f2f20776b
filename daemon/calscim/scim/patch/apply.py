"""PATCH (RFC 7644 section 3.5.2) on resources as dicts, in every dialect of the identity providers.

The stored resource is never changed in place: if an operation fails, none of the request takes effect.
"""

from collections.abc import Iterable
from typing import Any

from scim2_models.path import AttrPath, ValuePath

from calscim.errors import ScimError
from calscim.scim import decode
from calscim.scim.coerce import coerce
from calscim.scim.emails import set_email, stored_addresses
from calscim.scim.filter.parse import parse_path
from calscim.scim.patch import attributes, members, unknown_extensions
from calscim.scim.patch.members import GroupChange
from calscim.scim.patch.operations import Operation
from calscim.scim.patch.unknown_extensions import copy_json
from calscim.scim.schema import GROUP, USER, Type, is_unknown_extension

_REQUIRED = {"User": "userName", "Group": "displayName"}
_FLAT_NAMES = ("email", "givenname", "familyname")
_IGNORED = ("id", "meta", "schemas", "groups", "password")


class _Refusals(list[ScimError]):
    """The errors of operations on extensions that have no schema here."""


def to_user(stored: dict[str, Any], operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the user after all operations. Raise ScimError(400) for an operation that cannot be done.

    A failed operation on an extension without a schema is ignored if the user is inactive afterwards: nothing stops a
    deactivation. If ``active`` is unassigned afterwards, the caller keeps the stored value.
    """
    resource, refusals = copy_json(stored), _Refusals()
    for operation in operations:
        if operation.path is None:
            _merge(USER, resource, operation, refusals)
        else:
            _apply_at(USER, resource, operation, operation.path, operation.value, refusals)
    if refusals and resource.get("active") is not False:
        raise refusals[0]
    return decode.changed_user(resource, stored_addresses(stored))


def to_group(stored: dict[str, Any], operations: Iterable[Operation]) -> GroupChange:
    """Return the attributes after all operations, and the steps for the members, which need not be known."""
    change, refusals = GroupChange(copy_json(stored)), _Refusals()
    for operation in operations:
        if operation.path is None:
            _merge_group(change, operation, refusals)
        elif members.is_members_path(operation.path):
            members.add_step(change, operation, operation.path, operation.value)
        else:
            _apply_at(GROUP, change.resource, operation, operation.path, operation.value, refusals)
    if refusals:
        raise refusals[0]
    decode.changed_group(change.resource)
    return change


# -------------------------------------------------------------------- without a path


def _merge(kind: Type, resource: dict[str, Any], operation: Operation, refusals: _Refusals) -> None:
    """Apply each attribute of the value; a name may be dotted or a URN. Read-only and unknown names are ignored."""
    for name, value in _object_value(operation).items():
        low = name.lower()
        if low in _IGNORED:
            continue
        if low == kind.urn.lower():
            _merge(kind, resource, Operation(operation.op, None, value, True), refusals)
        elif (
            low in _FLAT_NAMES
            or kind.top(name) is not None
            or (is_unknown_extension(name) and unknown_extensions.names_one(resource, name, value))
            or _is_known_path(kind, name)
        ):
            _apply_at(kind, resource, operation, name, value, refusals)


def _merge_group(change: GroupChange, operation: Operation, refusals: _Refusals) -> None:
    others = {}
    for name, value in _object_value(operation).items():
        if members.is_members_path(name):
            members.add_step(change, operation, name, value)
        else:
            others[name] = value
    _merge(GROUP, change.resource, Operation(operation.op, None, others, True), refusals)


def _object_value(operation: Operation) -> dict[str, Any]:
    if not isinstance(operation.value, dict):
        raise ScimError(
            400, 'the "value" of an operation without a "path" must be an object', "invalidValue"
        )
    return operation.value


def _is_known_path(kind: Type, name: str) -> bool:
    """Return True if a dotted name, or one with a URN, names an attribute of the schema."""
    try:
        node = parse_path(name)
    except ScimError:
        return False
    path = node.attr_path if isinstance(node, ValuePath) else node
    found = kind.find(path.uri, path.attr)
    return found is not None and (node.sub_attr is None or node.sub_attr.lower() in found[1].subs)


# -------------------------------------------------------------------- with a path


def _apply_at(
    kind: Type,
    resource: dict[str, Any],
    operation: Operation,
    path: str,
    value: Any,
    refusals: _Refusals,
) -> None:
    extension = kind.extensions.get(path.lower())
    if extension is not None:
        attributes.change_attribute(resource, extension, operation, value)
    elif kind is USER and path.lower() in _FLAT_NAMES:
        _apply_flat(resource, path, operation, value, refusals)
    elif is_unknown_extension(path):
        try:
            unknown_extensions.change(resource, operation.op, path, value)
        except ScimError as error:
            refusals.append(error)
    else:
        _apply_to_schema(kind, resource, operation, path, parse_path(path), value)


def _apply_flat(
    resource: dict[str, Any], path: str, operation: Operation, value: Any, refusals: _Refusals
) -> None:
    """Apply an operation on an attribute that Okta's integration for Cal.com names at the top level."""
    if path.lower() != "email":
        _apply_at(USER, resource, operation, f"name.{path}", value, refusals)
        return
    address = USER.attributes["emails"].subs["value"]
    coerced = None if operation.op == "remove" else coerce(address, "email", value)
    if coerced is not None or operation.op != "add":
        set_email(resource, coerced)


def _apply_to_schema(
    kind: Type,
    resource: dict[str, Any],
    operation: Operation,
    path: str,
    node: AttrPath | ValuePath,
    value: Any,
) -> None:
    attr_path = node.attr_path if isinstance(node, ValuePath) else node
    found = kind.find(attr_path.uri, attr_path.attr)
    if found is None:
        raise ScimError(
            400,
            f"{path[:200]} is not an attribute of {kind.name}: name one of the schema",
            "invalidPath",
        )
    urn, attribute = found
    if attribute.name in ("password", "schemas"):
        return
    if attribute.read_only:
        raise ScimError(400, f"{attribute.name} is read-only: leave it out", "mutability")
    if operation.op == "remove" and attribute.name == _REQUIRED[kind.name]:
        raise ScimError(400, f"{attribute.name} is required: replace it instead", "mutability")
    target = resource if urn is None else resource.setdefault(urn, {})
    if isinstance(node, ValuePath):
        attributes.change_selected(
            target, attribute, node.val_filter, node.sub_attr, operation, value
        )
    elif node.sub_attr is not None:
        attributes.change_sub_attribute(target, attribute, node.sub_attr, operation, value)
    else:
        attributes.change_attribute(target, attribute, operation, value)
    if urn is not None and not target:
        del resource[urn]
