"""What changes of users and changes of groups have in common: the id of the request, and the response to a change."""

import uuid

from aiohttp import web

from calscim.directory import resources
from calscim.directory.writes import Written
from calscim.errors import ScimError
from calscim.scim.etags import check_preconditions, has_precondition
from calscim.scim.request import RequestContext, project
from calscim.scim.responses import etag, json_response

MAX_ATTEMPTS = 200  # each failed attempt means that another request changed the resource


def parse_id(raw_id: str) -> uuid.UUID | None:
    """Return the id, or None for text that cannot be the id of a resource."""
    try:
        return uuid.UUID(raw_id) if len(raw_id) == 36 else None
    except ValueError:
        return None


def requested_id(ctx: RequestContext, kind: str, raw_id: str) -> uuid.UUID:
    """Return the id of the resource that a request changes, and note it. Raise ScimError(404)."""
    ctx.resource = (kind, raw_id[:100])
    resource_id = parse_id(raw_id)
    if resource_id is None:
        raise not_found(kind, raw_id)
    return resource_id


async def requested_version(
    ctx: RequestContext, kind: str, raw_id: str
) -> tuple[uuid.UUID, int | None]:
    """Return the id, and the present version if the request has a precondition. Raise ScimError(404 or 412)."""
    resource_id = requested_id(ctx, kind, raw_id)
    if not has_precondition(ctx.headers):
        return resource_id, None
    read_state = resources.user_state if kind == "User" else resources.group_state
    stored = await read_state(ctx.db, ctx.caller.directory, resource_id)
    if stored is None:
        raise not_found(kind, raw_id)
    version, _ = stored
    check_preconditions(ctx.headers, version)
    return resource_id, version


def raise_for_status(ctx: RequestContext, result: Written, kind: str, name: str) -> None:
    """Note the journal row of a change. Raise ScimError if the change was refused."""
    ctx.seq = result.seq
    match result.status:
        case 401:
            raise ScimError(401, "the bearer token is no longer valid: create another token")
        case 404:
            raise not_found(kind, name)
        case 409:
            attribute = "userName" if kind == "User" else "displayName"
            raise ScimError(
                409,
                f"another {kind.lower()} has the {attribute} {name[:200]} (case does not count): "
                "look it up with a filter",
                "uniqueness",
            )
        case 412:
            raise ScimError(
                412, f"another request has changed the {kind.lower()}: read it again, then retry"
            )


async def to_response(
    ctx: RequestContext, result: Written, kind: str, resource_id: str
) -> web.Response:
    """Return the response to a change, with the resource as the request wants to see it."""
    assert result.body is not None
    headers = {
        "ETag": etag(result.version or 0),
        "Location": f"{ctx.base}/{kind}s/{resource_id}",
    }
    return json_response(await project(ctx, result.body), result.status, headers)


def not_found(kind: str, raw_id: str) -> ScimError:
    return ScimError(
        404, f"there is no {kind} {raw_id[:100]} in this directory: look it up with a filter"
    )
