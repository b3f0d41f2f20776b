"""PATCH operations on the members of a group, as steps that need not know the present members."""

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
from calscim.scim.patch.operations import Operation
from calscim.scim.schema import GROUP_URN


@dataclass(slots=True)
class GroupChange:
    """The change of a group.

    ``resource``: the attributes without the members; ``steps``: add, remove or replace, with raw ids.
    """

    resource: dict[str, Any]
    steps: list[tuple[str, list[str]]] = field(default_factory=list)


def is_members_path(path: str) -> bool:
    """Return True if a path is the members of a group or a part of them."""
    low = path.lower().removeprefix(f"{GROUP_URN.lower()}:")
    return low == "members" or low.startswith(("members[", "members."))


def add_step(change: GroupChange, operation: Operation, path: str, value: Any) -> None:
    """Add the step that an operation on members takes. Raise ScimError(400) for one that cannot be done."""
    node = parse_path(path)
    if isinstance(node, ValuePath):
        if operation.op != "remove" or node.sub_attr is not None:
            raise ScimError(
                400,
                "a path with a filter on members is for remove only: add members by their ids",
                "invalidPath",
            )
        change.steps.append(("remove", _selected_ids(node.val_filter)))
        return
    if node.sub_attr is not None and node.sub_attr.lower() != "value":
        raise ScimError(
            400, 'only the "value" of a member can be changed: use members.value', "mutability"
        )
    if operation.op == "remove":
        change.steps.append(
            ("remove", decode.member_ids(value)) if operation.has_value else ("replace", [])
        )
    else:
        change.steps.append((operation.op, decode.member_ids(value)))


def _selected_ids(node: FilterNode) -> list[str]:
    """Return the raw ids that members[value eq "..."] selects, several of them joined by or."""
    match node:
        case Comparison(attr_path=AttrPath(attr=attr), op=CompareOperator.eq, value=str(value)):
            if attr.lower() == "value":
                return [value]
        case LogicalExpr(op=LogicalOperator.or_, terms=terms):
            return [raw_id for term in terms for raw_id in _selected_ids(term)]
    raise ScimError(
        400,
        'this filter on members is not supported: use members[value eq "id"], several joined by or',
        "invalidFilter",
    )
