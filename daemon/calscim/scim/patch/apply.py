"""PATCH (RFC 7644 section 3.5.2) on resources as dicts, in every dialect that providers speak.

The resource handed in is never changed: an operation that fails leaves nothing half done.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
    ValuePath,
)

from calscim.errors import ScimError
from calscim.scim import decode
from calscim.scim.filter.parse import parse_path
from calscim.scim.patch import multivalued, unknown_extensions, value_filter
from calscim.scim.patch.unknown_extensions import copied
from calscim.scim.schema import GROUP, USER, Attribute, Type, is_foreign

OPS = ("add", "replace", "remove")
MOST_OPERATIONS = {"User": 250, "Group": 5000}  # a group's are mostly members, which cost little
_REQUIRED = {"User": "userName", "Group": "displayName"}
_EXTRAS = ("email", "givenname", "familyname")
_IGNORED = ("id", "meta", "schemas", "groups", "password")


class _Refused(list[ScimError]):
    """What could not be done with extensions that calscim does not know."""


@dataclass(frozen=True, slots=True)
class Operation:
    op: str
    path: str | None
    value: Any
    has_value: bool


@dataclass(slots=True)
class GroupChange:
    """``resource``: the attributes, members apart; ``steps``: (op, ids) with op add, remove or replace."""

    resource: dict[str, Any]
    steps: list[tuple[str, list[str]]] = field(default_factory=list)


def operations(kind: Type, body: dict[str, Any]) -> list[Operation]:
    """ScimError invalidSyntax for what is no list of operations."""
    low = {name.lower(): value for name, value in body.items()}
    entries = low.get("operations")
    if not isinstance(entries, list) or not entries:
        raise ScimError(400, "Operations has to be a list with something in it", "invalidSyntax")
    most = MOST_OPERATIONS[kind.name]
    if len(entries) > most:
        raise ScimError(400, f"send at most {most} operations in one request", "invalidSyntax")
    return [_operation(entry) for entry in entries]


def _operation(entry: Any) -> Operation:
    if not isinstance(entry, dict):
        raise ScimError(400, "an operation has to be an object", "invalidSyntax")
    low = {name.lower(): value for name, value in entry.items()}
    op = low.get("op")
    if not isinstance(op, str) or op.lower() not in OPS:
        raise ScimError(400, "op has to be add, replace or remove", "invalidSyntax")
    path = low.get("path")
    if path is not None and not isinstance(path, str):
        raise ScimError(400, "path has to be a text", "invalidPath")
    if not path and op.lower() == "remove":
        raise ScimError(400, "remove needs a path", "noTarget")
    if op.lower() != "remove" and "value" not in low:
        raise ScimError(400, f"{op} needs a value", "invalidValue")
    return Operation(op.lower(), path or None, low.get("value"), "value" in low)


def user(current: dict[str, Any], given: Iterable[Operation]) -> dict[str, Any]:
    """The user after all operations.

    One on an extension that calscim does not know, and that cannot be done, is left out where the user is inactive
    after the others: it never stops a deactivation. Without ``active`` afterwards the user stays what it is.
    """
    resource, refused = copied(current), _Refused()
    for operation in given:
        if operation.path is None:
            _merge(USER, resource, operation, refused)
        else:
            _at(USER, resource, operation, operation.path, operation.value, refused)
    if refused and resource.get("active") is not False:
        raise refused[0]
    return decode.finished(resource, decode.addresses(current))


def group(current: dict[str, Any], given: Iterable[Operation]) -> GroupChange:
    """What becomes of the attributes, and the members' steps; the present members need not be known."""
    change, refused = GroupChange(copied(current)), _Refused()
    for operation in given:
        if operation.path is None:
            _group_merge(change, operation, refused)
        elif is_members(operation.path):
            _members(change, operation, operation.path, operation.value)
        else:
            _at(GROUP, change.resource, operation, operation.path, operation.value, refused)
    if refused:
        raise refused[0]
    decode.finished_group(change.resource)
    return change


# -------------------------------------------------------------------- without a path


def _merge(kind: Type, resource: dict[str, Any], operation: Operation, refused: _Refused) -> None:
    """Each attribute of the value; names may be dotted or URNs. Read-only and unknown ones are ignored."""
    if not isinstance(operation.value, dict):
        raise ScimError(400, "without a path the value has to be an object", "invalidValue")
    for name, value in operation.value.items():
        low = name.lower()
        if low in _IGNORED:
            continue
        if low == kind.urn.lower():
            _merge(kind, resource, Operation(operation.op, None, value, True), refused)
        elif (
            low in _EXTRAS
            or kind.top(name) is not None
            or (is_foreign(name) and unknown_extensions.is_changed_by(resource, name, value))
            or _known(kind, name)
        ):
            _at(kind, resource, operation, name, value, refused)


def _path(name: str) -> AttrPath | ValuePath | None:
    try:
        return parse_path(name)
    except ScimError:
        return None


def _known(kind: Type, name: str) -> bool:
    """Whether a dotted name or one with a URN means something."""
    node = _path(name)
    if node is None:
        return False
    path = node.attr_path if isinstance(node, ValuePath) else node
    found = kind.find(path.uri, path.attr)
    return found is not None and (node.sub_attr is None or node.sub_attr.lower() in found[1].subs)


def _group_merge(change: GroupChange, operation: Operation, refused: _Refused) -> None:
    if not isinstance(operation.value, dict):
        raise ScimError(400, "without a path the value has to be an object", "invalidValue")
    rest = {}
    for name, value in operation.value.items():
        if is_members(name):
            _members(change, operation, name, value)
        else:
            rest[name] = value
    _merge(GROUP, change.resource, Operation(operation.op, None, rest, True), refused)


# -------------------------------------------------------------------- with a path


def _at(
    kind: Type,
    resource: dict[str, Any],
    operation: Operation,
    path: str,
    value: Any,
    refused: _Refused,
) -> None:
    extension = kind.extensions.get(path.lower())
    if extension is not None:
        _attribute(resource, extension, operation, value)
        return
    if kind is USER and path.lower() in _EXTRAS:
        _flat(resource, path, operation, value, refused)
        return
    if is_foreign(path):
        try:
            unknown_extensions.change(resource, operation.op, path, value)
        except ScimError as error:
            refused.append(error)
        return
    node = parse_path(path)
    attr_path = node.attr_path if isinstance(node, ValuePath) else node
    found = kind.find(attr_path.uri, attr_path.attr)
    if found is None:
        raise ScimError(400, f"{path[:200]} is no attribute of {kind.name}", "invalidPath")
    urn, attribute = found
    if attribute.name in ("password", "schemas"):
        return
    if attribute.read_only:
        raise ScimError(400, f"{attribute.name} is read-only", "mutability")
    if operation.op == "remove" and attribute.name == _REQUIRED[kind.name]:
        raise ScimError(400, f"{attribute.name} is required: replace it instead", "mutability")
    host = resource
    if urn is not None:
        host = resource.setdefault(urn, {})
    sub = node.sub_attr
    if isinstance(node, ValuePath):
        _selected(host, attribute, node.val_filter, sub, operation, value)
    elif sub is not None:
        _sub_attribute(host, attribute, sub, operation, value)
    else:
        _attribute(host, attribute, operation, value)
    if urn is not None and not host:
        del resource[urn]


def _flat(
    resource: dict[str, Any], path: str, operation: Operation, value: Any, refused: _Refused
) -> None:
    """Attributes that Okta's set-up for Cal.com names at the top level."""
    if path.lower() != "email":
        _at(USER, resource, operation, f"name.{path}", value, refused)
        return
    address = USER.attributes["emails"].subs["value"]
    made = None if operation.op == "remove" else decode.coerced(address, "email", value)
    if made is not None or operation.op != "add":
        decode.set_email(resource, made)


def _attribute(
    host: dict[str, Any], attribute: Attribute, operation: Operation, value: Any
) -> None:
    name = attribute.name
    if operation.op == "remove":
        if attribute.multi and value not in (None, [], ""):
            multivalued.without(host, attribute, value)
        else:
            host.pop(name, None)
        return
    if attribute.kind == "complex" and not attribute.multi:
        _complex(host, attribute, operation, value)
        return
    made = decode.coerced(attribute, name, value)
    if made is None:
        if name == "active":
            return  # unassigned, which is no reason to change what the user is: see docs/reference/scim.md
        if operation.op == "replace" or not attribute.multi:
            host.pop(name, None)
    elif attribute.multi and operation.op == "add":
        multivalued.add_values(host.setdefault(name, []), made)
    else:
        host[name] = made


def _complex(host: dict[str, Any], attribute: Attribute, operation: Operation, value: Any) -> None:
    """Sub-attributes that are not named stay (RFC 7644 sections 3.5.2.1 and 3.5.2.3)."""
    name = attribute.name
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or value in ("", []):
        if operation.op == "replace":
            host.pop(name, None)
        return
    merged = {**host.get(name, {}), **decode.parts(attribute, name, value)}
    merged = {key: part for key, part in merged.items() if part is not None}
    if merged:
        host[name] = merged
    else:
        host.pop(name, None)


def _sub_attribute(
    host: dict[str, Any], attribute: Attribute, name: str, operation: Operation, value: Any
) -> None:
    sub = attribute.subs.get(name.lower())
    if sub is None:
        raise ScimError(400, f"{attribute.name} has no {name}", "invalidPath")
    if sub.read_only:
        raise ScimError(400, f"{attribute.name}.{sub.name} is read-only", "mutability")
    if attribute.multi:
        targets = host.get(attribute.name, [])
        if not targets and operation.op != "remove":
            targets = host.setdefault(attribute.name, [{}])
        for entry in targets:
            _set(entry, sub, f"{attribute.name}.{sub.name}", operation, value)
        multivalued.prune(host, attribute)
        return
    entry = host.setdefault(attribute.name, {})
    _set(entry, sub, f"{attribute.name}.{sub.name}", operation, value)
    if not entry:
        del host[attribute.name]


def _set(
    entry: dict[str, Any], sub: Attribute, path: str, operation: Operation, value: Any
) -> None:
    made = None if operation.op == "remove" else decode.coerced(sub, path, value)
    if made is None:
        entry.pop(sub.name, None)
    else:
        entry[sub.name] = made


def _selected(
    host: dict[str, Any],
    attribute: Attribute,
    chosen: FilterNode,
    sub: str | None,
    operation: Operation,
    value: Any,
) -> None:
    """The values that a filter in brackets selects; a missing one is made of the filter's equalities."""
    if not attribute.multi:
        raise ScimError(400, f"{attribute.name} has no values to choose from", "invalidPath")
    chosen = value_filter.checked(attribute, chosen)
    values = host.get(attribute.name, [])
    matched = [one for one in values if value_filter.matches(attribute, chosen, one)]
    if operation.op == "remove" or (sub is None and value in (None, "", [])):
        _remove_selected(host, attribute, matched, sub, operation)
        return
    if not matched:
        fresh = value_filter.described_by(attribute, chosen)
        # Entra replaces emails[type eq "work"].value of a user without one; nobody means another replace.
        if fresh is None or (operation.op == "replace" and (sub is None or "value" in fresh)):
            raise ScimError(
                400,
                f"no value of {attribute.name} matches the filter: add one first",
                "noTarget",
            )
        matched = [fresh]
        host.setdefault(attribute.name, []).append(fresh)
    for entry in matched:
        if sub is not None:
            _sub_of(entry, attribute, sub, operation, value)
        else:
            _merge_value(entry, attribute, value)
        if entry.get("primary"):
            multivalued.demote(host[attribute.name], entry)
    multivalued.prune(host, attribute)


def _sub_of(entry: Any, attribute: Attribute, sub: str, operation: Operation, value: Any) -> None:
    part = attribute.subs.get(sub.lower())
    if part is None:
        raise ScimError(400, f"{attribute.name} has no {sub}", "invalidPath")
    _set(entry, part, f"{attribute.name}.{part.name}", operation, value)


def _merge_value(entry: dict[str, Any], attribute: Attribute, value: Any) -> None:
    made = decode.coerced(attribute, attribute.name, value)
    if not made or not isinstance(made[0], dict):
        raise ScimError(400, f"{attribute.name} takes an object", "invalidValue")
    entry.update(made[0])


def _remove_selected(
    host: dict[str, Any],
    attribute: Attribute,
    matched: list[Any],
    sub: str | None,
    operation: Operation,
) -> None:
    if not matched:
        return  # what is to be gone is gone
    if sub is not None:
        for entry in matched:
            _sub_of(entry, attribute, sub, operation, None)
        multivalued.prune(host, attribute)
        return
    gone = {id(one) for one in matched}
    kept = [one for one in host[attribute.name] if id(one) not in gone]
    if kept:
        host[attribute.name] = kept
    else:
        del host[attribute.name]


# -------------------------------------------------------------------- members


def is_members(path: str) -> bool:
    """Whether a path is a group's members or a part of them."""
    low = path.lower().removeprefix("urn:ietf:params:scim:schemas:core:2.0:group:")
    return low == "members" or low.startswith(("members[", "members."))


def _members(change: GroupChange, operation: Operation, path: str, value: Any) -> None:
    node = parse_path(path)
    if isinstance(node, ValuePath):
        if operation.op != "remove" or node.sub_attr is not None:
            raise ScimError(
                400, "members are chosen with a filter to be removed only", "invalidPath"
            )
        change.steps.append(("remove", _named(node.val_filter)))
        return
    if node.sub_attr is not None and node.sub_attr.lower() != "value":
        raise ScimError(400, "of a member only its value can be written", "mutability")
    if operation.op == "remove":
        if value in (None, [], {}) and not operation.has_value:
            change.steps.append(("replace", []))
        else:
            change.steps.append(("remove", decode.member_ids(value)))
    elif operation.op == "replace":
        change.steps.append(("replace", [] if value is None else decode.member_ids(value)))
    else:
        change.steps.append(("add", decode.member_ids(value)))


def _named(node: FilterNode) -> list[str]:
    """The ids that members[value eq "…"] names, several joined by or."""
    match node:
        case Comparison(attr_path=AttrPath(attr=attr), op=CompareOperator.eq, value=str(value)):
            if attr.lower() == "value":
                return [value]
        case LogicalExpr(op=LogicalOperator.or_, terms=terms):
            return [number for term in terms for number in _named(term)]
    raise ScimError(
        400, 'members are chosen by members[value eq "id"], several joined by or', "invalidFilter"
    )
