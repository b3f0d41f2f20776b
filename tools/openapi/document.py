"""Write docs/reference/scim.openapi.json, an OpenAPI 3.1 description of the SCIM API (`make reference`)."""

import json
import sys
from pathlib import Path

from calscim.scim.patch.operations import MAX_OPERATIONS as MAX_PATCHES
from calscim.scim.projection import MAX_NAMES
from calscim.scim.responses import ERROR, LIST
from calscim.scim.schema import GROUP, MAX_OPERATIONS, MAX_RESULTS, USER
from tools.openapi import operations, types
from tools.openapi.types import Json, ref

PAGE = Path(__file__).parents[2] / "docs/reference/scim.openapi.json"
_MESSAGES = "urn:ietf:params:scim:api:messages:2.0:"
_INTRODUCTION = """What an identity provider sends to calscim, and what calscim answers (RFC 7643, RFC 7644, RFC 9865).
The schemas of requests include the forms that calscim accepts beside those of the RFCs. docs/reference/scim.md
describes them, and the limits."""


def document() -> Json:
    """Return the description."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "calscim: SCIM 2.0", "version": "2.0", "description": _INTRODUCTION},
        "servers": [
            {
                "url": "{public_url}/scim/v2/{directory}",
                "variables": {
                    "public_url": {"default": "http://127.0.0.1:8085"},
                    "directory": {"default": "directory", "description": "The directory's id."},
                },
            }
        ],
        "security": [{"bearer": []}],
        "paths": operations.paths(),
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the directory.",
                }
            },
            "parameters": _parameters(),
            "headers": _headers(),
            "responses": operations.errors(),
            "schemas": _schemas(),
        },
    }


def _parameters() -> dict[str, Json]:
    def query(name: str, schema: Json, description: str) -> Json:
        return {"name": name, "in": "query", "schema": schema, "description": description}

    def names(name: str, description: str) -> Json:
        return query(name, ref("Names"), description) | {"style": "form", "explode": False}

    return {
        "id": {
            "name": "id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        },
        "filter": query("filter", ref("Filter"), "RFC 7644 section 3.4.2.2."),
        "sortBy": query("sortBy", ref("SortBy"), "The attribute that orders the list."),
        "sortOrder": query("sortOrder", ref("SortOrder"), "Ascending by default."),
        "startIndex": query(
            "startIndex", {"type": "integer"}, "The first entry, from 1. Excludes `cursor`."
        ),
        "count": query(
            "count", {"type": "integer"}, f"The most entries of a page, up to {MAX_RESULTS}."
        ),
        "cursor": query(
            "cursor", ref("Cursor"), "Empty for the first page, then `nextCursor` (RFC 9865)."
        ),
        "attributes": names(
            "attributes", "The attributes to return. Excludes `excludedAttributes`."
        ),
        "excludedAttributes": names("excludedAttributes", "The attributes to leave out."),
    }


def _headers() -> dict[str, Json]:
    text: Json = {"schema": {"type": "string"}, "required": True}
    return {
        "X-Request-Id": text | {"description": "In the log and the journal too."},
        "ETag": text | {"description": "The version of the resource."},
        "Location": text | {"description": "The URL of the resource."},
        "Allow": text,
        "Retry-After": text,
        "WWW-Authenticate": text,
    }


def _message(name: str, required: dict[str, Json], optional: dict[str, Json] | None = None) -> Json:
    schemas = {"type": "array", "contains": {"const": _MESSAGES + name}}
    return {
        "type": "object",
        "required": ["schemas", *required],
        "properties": {"schemas": schemas} | required | (optional or {}),
    }


def _schemas() -> dict[str, Json]:
    whole: Json = {"type": "integer", "minimum": 0}
    text: Json = {"type": "string"}
    return {
        "User": types.shown(USER),
        "Group": types.shown(GROUP),
        "Resource": {"type": "object", "required": ["schemas"]},
        "List": _message(
            LIST.rpartition(":")[2],
            {"totalResults": whole, "itemsPerPage": whole, "Resources": {"type": "array"}},
            {"startIndex": whole, "nextCursor": text, "previousCursor": text},
        ),
        "Error": _message(
            ERROR.rpartition(":")[2],
            {"status": {"type": "string", "pattern": "^[45][0-9][0-9]$"}, "detail": text},
            {"scimType": text},
        ),
        "Filter": {"type": "string", "maxLength": 8192},
        "SortBy": text,
        "SortOrder": {"enum": ["ascending", "descending"], "description": "In any case."},
        "Cursor": text,
        "Names": {"type": "array", "maxItems": MAX_NAMES, "items": text},
        "SearchRequest": {"type": "object", "properties": _search()},
        **types.inputs(),
        **_patches(),
        **_bulk(),
    }


def _search() -> dict[str, Json]:
    number: Json = {
        "anyOf": [
            {"type": ["integer", "null"]},
            {"type": "string", "pattern": r"^(-?[0-9]+)?$"},
        ]
    }
    names: Json = {"type": ["array", "string", "null"], "items": {"type": "string"}}
    return {
        "schemas": {"type": "array", "items": {"type": "string"}},
        "filter": ref("Filter"),
        "sortBy": ref("SortBy"),
        "sortOrder": {"anyOf": [ref("SortOrder"), {"type": "null"}]},
        "startIndex": number,
        "count": number,
        "attributes": names,
        "excludedAttributes": names,
    }


def _patches() -> dict[str, Json]:
    def patch(kind: str, limit: int) -> Json:
        operation = {"oneOf": [ref(f"{kind}Assignment"), ref("PathAssignment"), ref("Removal")]}
        operations = {"type": "array", "minItems": 1, "maxItems": limit, "items": operation}
        return {
            "type": "object",
            "required": ["Operations"],
            "properties": {"Operations": operations},
        }

    def assignment(kind: str) -> Json:
        return {
            "type": "object",
            "required": ["op", "value"],
            "properties": {
                "op": ref("SetOp"),
                "value": ref(f"{kind}Change"),
                "path": {"type": "null"},
            },
            "description": "Sets attributes of the resource.",
        }

    return {
        "SetOp": {"type": "string", "pattern": "^([Aa][Dd][Dd]|[Rr][Ee][Pp][Ll][Aa][Cc][Ee])$"},
        "RemoveOp": {"type": "string", "pattern": "^[Rr][Ee][Mm][Oo][Vv][Ee]$"},
        "Path": {"type": "string", "minLength": 1, "description": "RFC 7644 section 3.5.2."},
        "UserAssignment": assignment("User"),
        "GroupAssignment": assignment("Group"),
        "PathAssignment": {
            "type": "object",
            "required": ["op", "path", "value"],
            "properties": {"op": ref("SetOp"), "path": ref("Path"), "value": {}},
        },
        "Removal": {
            "type": "object",
            "required": ["op", "path"],
            "properties": {"op": ref("RemoveOp"), "path": ref("Path"), "value": {}},
        },
        "UserPatch": patch("User", MAX_PATCHES["User"]),
        "GroupPatch": patch("Group", MAX_PATCHES["Group"]),
    }


def _bulk() -> dict[str, Json]:
    text: Json = {"type": "string"}
    request = {
        "method": {"enum": ["POST", "PUT", "PATCH", "DELETE"]},
        "path": text,
        "bulkId": text,
        "version": text,
        "data": {"type": "object"},
    }
    response = {
        "method": text,
        "location": text,
        "bulkId": text,
        "version": text,
        "status": text,
        "response": {"type": "object"},
    }
    return {
        "BulkRequest": {
            "type": "object",
            "required": ["Operations"],
            "properties": {
                "Operations": {
                    "type": "array",
                    "maxItems": MAX_OPERATIONS,
                    "items": {
                        "type": "object",
                        "required": ["method", "path"],
                        "properties": request,
                    },
                },
                "failOnErrors": {
                    "type": ["integer", "null"],
                    "minimum": 0,
                    "description": "The failures after which the other operations are left out. 0: run all.",
                },
            },
        },
        "BulkResponse": _message(
            "BulkResponse",
            {"Operations": {"type": "array", "items": {"type": "object", "properties": response}}},
        ),
    }


def text() -> str:
    """Return the file's content."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
