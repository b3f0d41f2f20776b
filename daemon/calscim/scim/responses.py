"""Responses as SCIM JSON. No other module renders an error."""

import json
from collections.abc import Sequence
from typing import Any

import orjson
from aiohttp import web

from calscim.errors import ScimError

MEDIA_TYPE = "application/scim+json"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_HEADERS = {"Content-Type": MEDIA_TYPE}


def etag(version: int) -> str:
    return f'W/"{version}"'


def json_response(
    text: str | bytes, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    body = text.encode() if isinstance(text, str) else text
    return web.Response(
        body=body, status=status, headers=_HEADERS if headers is None else {**headers, **_HEADERS}
    )


def value_response(
    value: Any, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    return json_response(orjson.dumps(value), status, headers)


def list_json(resources: Sequence[str], *, total: int, start: int) -> str:
    """Return a page of a list by index. ``resources`` are JSON already."""
    return (
        f'{{"schemas":["{LIST}"],"totalResults":{total},"startIndex":{start},'
        f'"itemsPerPage":{len(resources)},"Resources":[{",".join(resources)}]}}'
    )


def cursor_page_json(
    resources: Sequence[str], *, total: int, after: str | None, before: str | None
) -> str:
    """Return a page of a list with cursors (RFC 9865), which has no startIndex."""
    cursors = "".join(
        f'"{name}":"{cursor}",'
        for name, cursor in (("nextCursor", after), ("previousCursor", before))
        if cursor is not None
    )
    return (
        f'{{"schemas":["{LIST}"],"totalResults":{total},"itemsPerPage":{len(resources)},{cursors}'
        f'"Resources":[{",".join(resources)}]}}'
    )


def error_value(error: ScimError) -> dict[str, Any]:
    """Return an error as in RFC 7644 section 3.12, where the status is a string."""
    value: dict[str, Any] = {
        "schemas": [ERROR],
        "status": str(error.status),
        "detail": error.detail,
    }
    if error.scim_type is not None:
        value["scimType"] = error.scim_type
    return value


def error_response(error: ScimError) -> web.Response:
    # Not orjson: a detail may quote text that has no UTF-8 encoding.
    text = json.dumps(error_value(error))
    return json_response(text, error.status, dict(error.headers))
