"""The OpenAPI description with fewer values: all of them are valid, which OpenAPI cannot express for the whole API.

A filter, for example, is a text of which most are invalid. Here it has a pattern of which every text is valid.
"""

from typing import Any

from tools.openapi import document, types

ATTRIBUTES = r"(externalId|displayName)"
COMPARISON = rf'{ATTRIBUTES} (eq|ne|co|sw|ew|gt|ge|lt|le) "[a-z]{{0,9}}"'
FILTER = rf"^(({COMPARISON}|{ATTRIBUTES} pr)( (and|or) {COMPARISON})?)?$"
SCHEMAS: dict[str, Any] = {
    "Filter": {
        "type": "string",
        "pattern": FILTER,
    },
    "SortBy": {"enum": ["id", "externalId", "displayName", "meta.created"]},
    "Names": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 20},
    "Cursor": {"const": ""},
    "Path": {"const": "externalId"},
}
# `attributes` and `excludedAttributes` exclude each other, as do `startIndex` and `cursor`.
LEFT_OUT = {
    "get": ("attributes", "cursor"),
    "post": ("excludedAttributes",),
    "put": ("excludedAttributes",),
    "patch": ("excludedAttributes",),
}


def narrowed() -> dict[str, Any]:
    """Return the description, narrowed."""
    page = document.document()
    schemas = page["components"]["schemas"]
    schemas |= SCHEMAS
    schemas["PathAssignment"]["properties"]["value"] = types.ref("ExternalId")
    del schemas["SearchRequest"]["properties"]["excludedAttributes"]
    _shorten_lists(schemas)
    for operations in page["paths"].values():
        for method, operation in operations.items():
            if method in LEFT_OUT:
                _narrow(operation, LEFT_OUT[method])
    return page


def _shorten_lists(value: Any) -> None:
    """Lower the most items of each list: the longest lists together exceed the size of a resource."""
    if isinstance(value, dict):
        if "maxItems" in value:
            value["maxItems"] = min(value["maxItems"], 20)
        for part in value.values():
            _shorten_lists(part)
    elif isinstance(value, list):
        for part in value:
            _shorten_lists(part)


def _narrow(operation: dict[str, Any], left_out: tuple[str, ...]) -> None:
    """Remove parameters, and the second media type of the body, which would only repeat every test."""
    operation["parameters"] = [
        one
        for one in operation.get("parameters", [])
        if one.get("$ref", "").rpartition("/")[2] not in left_out
    ]
    operation.get("requestBody", {}).get("content", {}).pop("application/json", None)
