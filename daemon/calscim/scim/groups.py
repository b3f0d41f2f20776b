"""Groups. Postgres changes the members as sets, so the cost of a change does not grow with the group."""

import uuid
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from calscim import names
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange
from calscim.directory.writes import Written
from calscim.errors import ScimError, StoreUnavailable
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
from calscim.scim.etags import check_preconditions, has_precondition, is_not_modified
from calscim.scim.patch import apply, fast_path
from calscim.scim.patch.operations import Operation, parse_operations
from calscim.scim.request import RequestContext, compute, project
from calscim.scim.responses import etag, json_response
from calscim.scim.schema import GROUP
from calscim.scim.sizes import to_stored_json

log = structlog.get_logger()

MAX_MEMBERS = 50_000  # in one request


async def create(ctx: RequestContext) -> web.Response:
    """Create a group (RFC 7644 section 3.3)."""
    state, members = await compute(ctx, lambda: _described_group(ctx, "add"))
    group_id = uuid.uuid4()
    ctx.resource = ("Group", str(group_id))
    result = await resources.create_group(
        ctx.db, ctx.origin, group_id, state, members, ctx.reader.base, _body_kind(ctx)
    )
    raise_for_status(ctx, result, "Group", state.display_name)
    warn_skipped(ctx, result)
    return await to_response(ctx, result, "Group", str(group_id))


async def read(ctx: RequestContext, raw_id: str) -> web.Response:
    """Return a group (RFC 7644 section 3.4.1)."""
    group_id = parse_id(raw_id)
    group = None
    if group_id is not None:
        members = ctx.projection().needs("members")
        group = await resources.group(ctx.db, ctx.reader, group_id, members=members)
    if group is None:
        raise not_found("Group", raw_id)
    headers = {"ETag": etag(group.version)}
    if is_not_modified(ctx.headers, group.version):
        return web.Response(status=304, headers=headers)
    return json_response(await project(ctx, group.body), headers=headers)


async def replace(ctx: RequestContext, raw_id: str) -> web.Response:
    """Replace a group (RFC 7644 section 3.5.1). If the request leaves the members out, the group has none."""
    state, members = await compute(ctx, lambda: _described_group(ctx, "replace"))
    group_id, version = await requested_version(ctx, "Group", raw_id)
    result = await resources.update_group(
        ctx.db, ctx.origin, group_id, state, members, ctx.reader.base, version, _body_kind(ctx)
    )
    name = state.display_name if result.status == 409 else raw_id
    raise_for_status(ctx, result, "Group", name)
    warn_skipped(ctx, result)
    return await to_response(ctx, result, "Group", raw_id)


def _described_group(ctx: RequestContext, op: str) -> tuple[GroupState, MemberChange]:
    """Return the group that the body of a POST or PUT describes."""
    resource, members = decode.group(ctx.json())
    return to_state(resource), member_change([(op, members or [])])


async def modify(ctx: RequestContext, raw_id: str) -> web.Response:
    """Change attributes or members of a group (RFC 7644 section 3.5.2).

    The response is 204, so that Postgres need not read a large group, or 200 if the request names ``attributes``.
    """
    body = await compute(ctx, ctx.json)
    group_id = requested_id(ctx, "Group", raw_id)
    operations, charged = await compute(ctx, lambda: _operations(body))
    ctx.budget.spend(charged)
    if not has_precondition(ctx.headers):
        only_members = await compute(
            ctx, lambda: _only_members(operations), at_once=charged <= INLINE_COST
        )
        if only_members is not None:
            return await _update(ctx, group_id, raw_id, raw_id, only_members, None)
    for _ in range(MAX_ATTEMPTS):
        found = await resources.group_state(ctx.db, ctx.caller.directory, group_id)
        if found is None:
            raise not_found("Group", raw_id)
        version, stored = found
        has_version = check_preconditions(ctx.headers, version)
        cost = await compute(ctx, partial(patch_cost, GROUP, stored, operations))
        ctx.budget.spend(cost - charged)
        charged = cost
        name, attributes, members = await compute(
            ctx, partial(_changed_group, stored, operations), at_once=cost <= INLINE_COST
        )
        # A change of members only is a change of sets: it needs no version unless the client named one.
        expected = version if has_version or attributes is not None else None
        try:
            return await _update(ctx, group_id, raw_id, name, members, attributes, expected)
        except ScimError as error:
            if error.status != 412 or has_version:
                raise
    raise StoreUnavailable("too many requests change this group at the same time: try again")


def _operations(body: dict[str, Any]) -> tuple[list[Operation], int]:
    """Return the operations, and their cost on a group without attributes."""
    operations = parse_operations(GROUP, body)
    return operations, patch_cost(GROUP, {}, operations)


def _only_members(operations: list[Operation]) -> MemberChange | None:
    """Return the sum of the operations if they change members only, otherwise None."""
    change = fast_path.member_steps(operations)
    return None if change is None else member_change(change.steps)


def _changed_group(
    stored: dict[str, Any], operations: list[Operation]
) -> tuple[str, GroupState | None, MemberChange]:
    """Return the name, the attributes if the operations change them, and the change of the members."""
    change = apply.to_group(stored, operations)
    attributes = None if change.resource == stored else to_state(change.resource, stored)
    return change.resource["displayName"], attributes, member_change(change.steps)


async def _update(
    ctx: RequestContext,
    group_id: uuid.UUID,
    raw_id: str,
    name: str,
    members: MemberChange,
    attributes: GroupState | None,
    version: int | None = None,
) -> web.Response:
    result = await resources.update_group(
        ctx.db,
        ctx.origin,
        group_id,
        attributes,
        members,
        ctx.reader.base,
        version,
        _body_kind(ctx) if ctx.projection() else "none",
    )
    raise_for_status(ctx, result, "Group", name if result.status == 409 else raw_id)
    warn_skipped(ctx, result)
    if result.body is None:
        return web.Response(status=204, headers={"ETag": etag(result.version or 0)})
    return await to_response(ctx, result, "Group", raw_id)


async def delete(ctx: RequestContext, raw_id: str) -> web.Response:
    """Delete a group (RFC 7644 section 3.6). Its members remain users."""
    group_id, version = await requested_version(ctx, "Group", raw_id)
    result = await resources.delete_group(ctx.db, ctx.origin, group_id, version)
    raise_for_status(ctx, result, "Group", raw_id)
    return web.Response(status=204)


def member_change(steps: list[tuple[str, list[str]]]) -> MemberChange:
    """Return the one change that several steps amount to. A step is add, remove or replace, with raw ids."""
    add: dict[uuid.UUID, None] = {}
    remove: dict[uuid.UUID, None] = {}
    is_replaced = False
    unknown: list[str] = []
    for op, raw_ids in steps:
        member_ids = []
        for raw_id in raw_ids:
            member_id = parse_id(raw_id)
            if member_id is not None:
                member_ids.append(member_id)
            elif op != "remove":
                unknown.append(raw_id[:200])
        if op == "replace":
            is_replaced, add, remove = True, dict.fromkeys(member_ids), {}
        elif op == "add":
            add.update(dict.fromkeys(member_ids))
            for member_id in member_ids:
                remove.pop(member_id, None)
        else:
            for member_id in member_ids:
                add.pop(member_id, None)
            if not is_replaced:
                remove.update(dict.fromkeys(member_ids))
    if len(add) + len(remove) + len(unknown) > MAX_MEMBERS:
        raise ScimError(
            413,
            f"the request names more than {MAX_MEMBERS} members: send them in several requests",
        )
    return MemberChange(frozenset(add), frozenset(remove), is_replaced, tuple(unknown))


def _body_kind(ctx: RequestContext) -> str:
    """Return "full" if the response shows the members, otherwise "bare"."""
    return "full" if ctx.projection().needs("members") else "bare"


def warn_skipped(ctx: RequestContext, result: Written) -> None:
    """Log the members that were skipped because their ids belong to no user or group."""
    if result.skipped:
        log.warning(
            "scim.members_skipped",
            directory=ctx.caller.directory,
            **ctx.directory_fields,
            request_id=ctx.request_id,
            group=ctx.resource[1],
            count=len(result.skipped),
            members=list(result.skipped[:20]),
        )


def to_state(resource: dict[str, Any], stored: dict[str, Any] | None = None) -> GroupState:
    """Return what the directory stores of a group. Raise ScimError(400) for a resource that is too large."""
    return GroupState(
        names.spelling(resource["displayName"]),
        resource.get("externalId"),
        to_stored_json(resource, stored),
    )
