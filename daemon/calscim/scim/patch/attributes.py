"""PATCH operations on one attribute that the schema knows, or on some of its values."""

from typing import Any

from scim2_models.path import FilterNode

from calscim.errors import ScimError
from calscim.scim.coerce import coerce, coerce_parts, is_blank
from calscim.scim.patch import multivalued, value_filter
from calscim.scim.patch.operations import Operation
from calscim.scim.schema import Attribute

Resource = dict[str, Any]


def change_attribute(
    resource: Resource, attribute: Attribute, operation: Operation, value: Any
) -> None:
    """Change a whole attribute, such as ``title`` or ``emails``."""
    name = attribute.name
    if operation.op == "remove":
        if attribute.multi and value not in (None, [], ""):
            multivalued.remove_values(resource, attribute, value)
        else:
            resource.pop(name, None)
        return
    if attribute.kind == "complex" and not attribute.multi:
        _change_complex(resource, attribute, operation, value)
        return
    coerced = coerce(attribute, name, value)
    if coerced is None:
        if name == "active":
            return  # an unassigned value does not change the state: see docs/reference/scim.md
        if operation.op == "replace" or not attribute.multi:
            resource.pop(name, None)
    elif attribute.multi and operation.op == "add":
        multivalued.add_values(resource.setdefault(name, []), coerced)
    else:
        resource[name] = coerced


def _change_complex(
    resource: Resource, attribute: Attribute, operation: Operation, value: Any
) -> None:
    """Set the named sub-attributes; the others stay (RFC 7644 sections 3.5.2.1 and 3.5.2.3)."""
    name = attribute.name
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if is_blank(value) or value == []:
        if operation.op == "replace":
            resource.pop(name, None)
        return
    merged = {**resource.get(name, {}), **coerce_parts(attribute, name, value)}
    merged = {key: part for key, part in merged.items() if part is not None}
    if merged:
        resource[name] = merged
    else:
        resource.pop(name, None)


def change_sub_attribute(
    resource: Resource, attribute: Attribute, name: str, operation: Operation, value: Any
) -> None:
    """Change a sub-attribute, such as ``name.familyName``; of a multi-valued attribute, that of each value."""
    sub = sub_attribute(attribute, name)
    if sub.read_only:
        raise ScimError(
            400, f"{attribute.name}.{sub.name} is read-only: leave it out", "mutability"
        )
    if attribute.multi:
        entries = resource.get(attribute.name, [])
        if not entries and operation.op != "remove":
            entries = resource.setdefault(attribute.name, [{}])
        for entry in entries:
            _set_part(entry, attribute, sub, operation, value)
        multivalued.drop_empty_values(resource, attribute)
        return
    entry = resource.setdefault(attribute.name, {})
    _set_part(entry, attribute, sub, operation, value)
    if not entry:
        del resource[attribute.name]


def change_selected(
    resource: Resource,
    attribute: Attribute,
    filter_node: FilterNode,
    sub_name: str | None,
    operation: Operation,
    value: Any,
) -> None:
    """Change the values that a filter in brackets selects. Make a missing one from the equalities of the filter."""
    if not attribute.multi:
        raise ScimError(
            400,
            f"{attribute.name} has a single value: leave the filter in brackets out of the path",
            "invalidPath",
        )
    filter_node = value_filter.check_filter(attribute, filter_node)
    values = resource.get(attribute.name, [])
    selected = [entry for entry in values if value_filter.matches(attribute, filter_node, entry)]
    if operation.op == "remove" or (sub_name is None and (is_blank(value) or value == [])):
        _remove_selected(resource, attribute, selected, sub_name, operation)
        return
    if not selected:
        new = value_filter.described_value(attribute, filter_node)
        # Entra replaces emails[type eq "work"].value of a user without one. No provider means another replace.
        if new is None or (operation.op == "replace" and (sub_name is None or "value" in new)):
            raise ScimError(
                400,
                f"no value of {attribute.name} matches the filter: add one first",
                "noTarget",
            )
        selected = [new]
        resource.setdefault(attribute.name, []).append(new)
    for entry in selected:
        if sub_name is not None:
            _set_part(entry, attribute, sub_attribute(attribute, sub_name), operation, value)
        else:
            _merge_value(entry, attribute, value)
        if entry.get("primary"):
            multivalued.demote_others(resource[attribute.name], entry)
    multivalued.drop_empty_values(resource, attribute)


def _remove_selected(
    resource: Resource,
    attribute: Attribute,
    selected: list[Any],
    sub_name: str | None,
    operation: Operation,
) -> None:
    if not selected:
        return
    if sub_name is not None:
        for entry in selected:
            _set_part(entry, attribute, sub_attribute(attribute, sub_name), operation, None)
        multivalued.drop_empty_values(resource, attribute)
        return
    removed = {id(entry) for entry in selected}
    kept = [entry for entry in resource[attribute.name] if id(entry) not in removed]
    if kept:
        resource[attribute.name] = kept
    else:
        del resource[attribute.name]


def sub_attribute(attribute: Attribute, name: str) -> Attribute:
    """Return a sub-attribute by its name, ignoring case. Raise ScimError(400) if there is none."""
    sub = attribute.subs.get(name.lower())
    if sub is None:
        raise ScimError(
            400,
            f"{attribute.name} has no sub-attribute {name[:100]}: name one of the schema",
            "invalidPath",
        )
    return sub


def _set_part(
    entry: dict[str, Any], attribute: Attribute, sub: Attribute, operation: Operation, value: Any
) -> None:
    path = f"{attribute.name}.{sub.name}"
    coerced = None if operation.op == "remove" else coerce(sub, path, value)
    if coerced is None:
        entry.pop(sub.name, None)
    else:
        entry[sub.name] = coerced


def _merge_value(entry: dict[str, Any], attribute: Attribute, value: Any) -> None:
    coerced = coerce(attribute, attribute.name, value)
    if not coerced or len(coerced) > 1 or not isinstance(coerced[0], dict):
        raise ScimError(
            400,
            f"a path with a filter on {attribute.name} takes one complex value: send an object",
            "invalidValue",
        )
    entry.update(coerced[0])
