"""The operations of the SCIM API: what each endpoint takes, and which responses it gives."""

from typing import Any

from calscim.scim.responses import MEDIA_TYPE
from calscim.scim.schema import ENTERPRISE_URN, GROUP, GROUP_URN, MAX_OPERATIONS, USER, USER_URN
from tools.openapi.types import Json, ref

_TYPES = (MEDIA_TYPE, "application/json")
_EVERY = (400, 401, 405, 408, 413, 414, 415, 429, 503)
_WRITE = (*_EVERY, 403)
_REASONS = {
    400: "The request is invalid: `scimType` and `detail` say why.",
    401: "No valid token of this directory.",
    403: "The token permits reads only, or a filter on a discovery endpoint.",
    404: "No such resource or directory.",
    405: "Another method: see `Allow`.",
    408: "The body did not arrive in time.",
    409: "Another resource has the name.",
    412: "The version of the resource does not satisfy `If-Match` or `If-None-Match`.",
    413: "Too many bytes, members or operations.",
    414: "The URL is too long.",
    415: "The body has an unknown type or coding.",
    429: "Too many requests: see `Retry-After`.",
    503: "The database is unavailable: see `Retry-After`.",
}
_HEADERS = {
    401: {"WWW-Authenticate": "WwwAuthenticate"},
    405: {"Allow": "Allow"},
    429: {"Retry-After": "RetryAfter"},
    503: {"Retry-After": "RetryAfter"},
}
_QUERY = ("attributes", "excludedAttributes")
_LIST = (*_QUERY, "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor")


def errors() -> dict[str, Json]:
    """Return the responses of errors, by name."""
    return {
        f"Error{status}": {
            "description": reason,
            "headers": _headers("X-Request-Id", *_HEADERS.get(status, ())),
            "content": {MEDIA_TYPE: {"schema": ref("Error")}},
        }
        for status, reason in _REASONS.items()
    }


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _parameters(*names: str) -> list[Json]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _found(schema: str, status: int = 200, *headers: str) -> Json:
    return {
        str(status): {
            "description": "The resource." if schema != "List" else "A page of the list.",
            "headers": _headers("X-Request-Id", *headers),
            "content": {MEDIA_TYPE: {"schema": ref(schema)}},
        }
    }


def _empty(status: int, description: str, *headers: str) -> Json:
    return {
        str(status): {"description": description, "headers": _headers("X-Request-Id", *headers)}
    }


def _failed(*statuses: int) -> Json:
    names = {str(status): f"#/components/responses/Error{status}" for status in sorted(statuses)}
    return {status: {"$ref": name} for status, name in names.items()}


def _body(schema: str) -> Json:
    return {"required": True, "content": {media: {"schema": ref(schema)} for media in _TYPES}}


def _operation(name: str, summary: str, responses: Json, **more: Any) -> Json:
    return {"operationId": name, "summary": summary, "responses": responses, **more}


def _resources(kind: str) -> dict[str, Json]:
    """Return the paths of users, or of groups."""
    one, endpoint = kind.lower(), f"{kind}s"
    patched = _found(kind, 200, "ETag", "Location")
    if kind == "Group":
        patched |= _empty(204, "The group is changed, and the request has no `attributes`.", "ETag")
    many = _found("List") | _failed(*_EVERY, 404)
    return {
        f"/{endpoint}": {
            "get": _operation(
                f"list{endpoint}", f"List {one}s", many, parameters=_parameters(*_LIST)
            ),
            "post": _operation(
                f"create{kind}",
                f"Create a {one}",
                _linked(kind, _found(kind, 201, "ETag", "Location"))
                | _failed(*_WRITE, 404, 409, 412),
                parameters=_parameters(*_QUERY),
                requestBody=_body(f"{kind}Input"),
            ),
        },
        f"/{endpoint}/{{id}}": {
            "parameters": _parameters("id"),
            "get": _operation(
                f"read{kind}",
                f"Read a {one}",
                _found(kind, 200, "ETag")
                | _empty(304, "The resource has the version of `If-None-Match`.", "ETag")
                | _failed(*_EVERY, 404),
                parameters=_parameters(*_QUERY),
            ),
            "put": _operation(
                f"replace{kind}",
                f"Replace a {one}",
                _found(kind, 200, "ETag", "Location") | _failed(*_WRITE, 404, 409, 412),
                parameters=_parameters(*_QUERY),
                requestBody=_body(f"{kind}Input"),
            ),
            "patch": _operation(
                f"change{kind}",
                f"Change a {one}",
                patched | _failed(*_WRITE, 404, 409, 412),
                parameters=_parameters(*_QUERY),
                requestBody=_body(f"{kind}Patch"),
            ),
            "delete": _operation(
                f"delete{kind}",
                f"Delete a {one}",
                _empty(204, "The resource is deleted.") | _failed(*_WRITE, 404, 412),
            ),
        },
        f"/{endpoint}/.search": {
            "post": _operation(
                f"search{endpoint}", f"Search {one}s", many, requestBody=_body("SearchRequest")
            )
        },
    }


def _linked(kind: str, responses: Json) -> Json:
    """Add links from the created resource to the operations that take its id."""
    id_ = {"parameters": {"id": "$response.body#/id"}}
    names = [f"{verb}{kind}" for verb in ("read", "replace", "change", "delete")]
    responses["201"]["links"] = {name: {"operationId": name, **id_} for name in names}
    return responses


def _discovery() -> dict[str, Json]:
    def get(name: str, summary: str, schema: str, *statuses: int, **more: Any) -> Json:
        responses = _found(schema) | _failed(*_EVERY, 403, 404, *statuses)
        return {"get": _operation(name, summary, responses, **more)}

    def named(*names: str) -> list[Json]:
        schema: Json = {"type": "string", "enum": names}
        return [{"name": "name", "in": "path", "required": True, "schema": schema}]

    types = named(USER.name, GROUP.name)
    schemas = named(USER_URN, GROUP_URN, ENTERPRISE_URN)
    return {
        "/ServiceProviderConfig": get("readConfig", "Read what the server supports", "Resource"),
        "/ResourceTypes": get("listTypes", "List the resource types", "List"),
        "/ResourceTypes/{name}": get("readType", "Read a type", "Resource", parameters=types),
        "/Schemas": get("listSchemas", "List the schemas", "List"),
        "/Schemas/{name}": get("readSchema", "Read a schema", "Resource", parameters=schemas),
    }


def paths() -> dict[str, Json]:
    """Return all paths of a directory, below its base URL."""
    listed = _found("List") | _failed(*_EVERY, 404)
    search = _body("SearchRequest")
    return {
        **_resources("User"),
        **_resources("Group"),
        "/": {
            "get": _operation(
                "listAll", "List all resources", listed, parameters=_parameters(*_LIST)
            )
        },
        "/.search": {"post": _operation("searchAll", "Search all", listed, requestBody=search)},
        "/Bulk": {
            "post": _operation(
                "bulk",
                f"Run up to {MAX_OPERATIONS} operations",
                _found("BulkResponse") | _failed(*_WRITE, 404, 409),
                requestBody=_body("BulkRequest"),
            )
        },
        **_discovery(),
    }
