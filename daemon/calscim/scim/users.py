"""Users: create, read, replace, modify, delete. A change applies to the version that it was computed from."""

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aiohttp import web

from calscim.directory import resources
from calscim.directory.resources import UserState
from calscim.errors import StoreUnavailable
from calscim.scim import decode
from calscim.scim.changes import (
    MAX_ATTEMPTS,
    not_found,
    parse_id,
    raise_for_status,
    requested_id,
    requested_version,
    to_response,
)
from calscim.scim.cost import INLINE_COST, patch_cost
from calscim.scim.emails import account_email, email_keys, stored_addresses
from calscim.scim.etags import check_preconditions, has_precondition, is_not_modified
from calscim.scim.patch import apply, fast_path
from calscim.scim.patch.operations import Operation, parse_operations
from calscim.scim.request import RequestContext, compute, project
from calscim.scim.responses import etag, json_response
from calscim.scim.schema import USER
from calscim.scim.sizes import to_stored_json

Change = Callable[[dict[str, Any]], dict[str, Any]]


async def create(ctx: RequestContext) -> web.Response:
    """Create a user (RFC 7644 section 3.3)."""
    state = await compute(ctx, lambda: to_state(decode.user(ctx.json())))
    user_id = uuid.uuid4()
    ctx.resource = ("User", str(user_id))
    result = await resources.create_user(ctx.db, ctx.origin, user_id, state, ctx.reader.base)
    raise_for_status(ctx, result, "User", state.user_name)
    return await to_response(ctx, result, "User", str(user_id))


async def read(ctx: RequestContext, raw_id: str) -> web.Response:
    """Return a user (RFC 7644 section 3.4.1)."""
    user_id = parse_id(raw_id)
    user = None if user_id is None else await resources.user(ctx.db, ctx.reader, user_id)
    if user is None:
        raise not_found("User", raw_id)
    headers = {"ETag": etag(user.version)}
    if is_not_modified(ctx.headers, user.version):
        return web.Response(status=304, headers=headers)
    return json_response(await project(ctx, user.body), headers=headers)


async def replace(ctx: RequestContext, raw_id: str) -> web.Response:
    """Replace a user (RFC 7644 section 3.5.1): what is left out is cleared, except ``active``, which is kept."""
    resource = await compute(ctx, lambda: decode.unchecked_user(ctx.json()))
    if "active" in resource and not decode.invalid_addresses(resource):
        return await _change(ctx, raw_id, lambda _: resource, reads=has_precondition(ctx.headers))
    return await _change(
        ctx,
        raw_id,
        lambda stored: decode.check_addresses(
            {"active": stored["active"], **resource}, stored_addresses(stored)
        ),
        reads=True,
    )


async def modify(ctx: RequestContext, raw_id: str) -> web.Response:
    """Change attributes of a user (RFC 7644 section 3.5.2)."""
    body = await compute(ctx, ctx.json)
    user_id = requested_id(ctx, "User", raw_id)
    operations = await compute(ctx, lambda: parse_operations(USER, body))
    if not has_precondition(ctx.headers):
        values = fast_path.simple_values(operations)
        if values is not None:
            result = await resources.set_user(ctx.db, ctx.origin, user_id, values, ctx.reader.base)
            raise_for_status(ctx, result, "User", raw_id)
            return await to_response(ctx, result, "User", raw_id)
    return await _change(
        ctx, raw_id, lambda stored: apply.to_user(stored, operations), operations, reads=True
    )


async def delete(ctx: RequestContext, raw_id: str) -> web.Response:
    """Delete a user (RFC 7644 section 3.6)."""
    user_id, version = await requested_version(ctx, "User", raw_id)
    result = await resources.delete_user(ctx.db, ctx.origin, user_id, version)
    raise_for_status(ctx, result, "User", raw_id)
    return web.Response(status=204)


async def _change(
    ctx: RequestContext,
    raw_id: str,
    change: Change,
    operations: Sequence[Operation] = (),
    *,
    reads: bool,
) -> web.Response:
    """Replace a user by what ``change`` makes of it, and try again if another request changes it at the same time.

    ``reads``: the change depends on the stored user; a PUT without a precondition does not.
    ``operations``: the operations of the change, which determine its cost.
    """
    user_id = requested_id(ctx, "User", raw_id)
    charged = 0
    for _ in range(MAX_ATTEMPTS):
        stored: dict[str, Any] = {}
        version, has_version, at_once = None, False, True
        if reads:
            found = await resources.user_state(ctx.db, ctx.caller.directory, user_id)
            if found is None:
                raise not_found("User", raw_id)
            version, stored = found
            has_version = check_preconditions(ctx.headers, version)
            cost = await compute(ctx, partial(patch_cost, USER, stored, operations))
            at_once = cost <= INLINE_COST
            ctx.budget.spend(cost - charged)
            charged = cost
        state = await compute(ctx, partial(_changed_state, change, stored), at_once=at_once)
        result = await resources.update_user(
            ctx.db, ctx.origin, user_id, state, ctx.reader.base, version
        )
        if result.status == 412 and not has_version:
            continue
        name = state.user_name if result.status == 409 else raw_id
        raise_for_status(ctx, result, "User", name)
        return await to_response(ctx, result, "User", raw_id)
    raise StoreUnavailable("too many requests change this user at the same time: try again")


def _changed_state(change: Change, stored: dict[str, Any]) -> UserState:
    return to_state(change(stored), stored)


def to_state(resource: dict[str, Any], stored: dict[str, Any] | None = None) -> UserState:
    """Return what the directory stores of a user. Raise ScimError(400) for a resource that is too large."""
    return UserState(
        user_name=resource["userName"],
        external_id=resource.get("externalId"),
        email=account_email(resource),
        emails=email_keys(resource),
        active=resource.get("active"),
        data=to_stored_json(resource, stored),
    )
