"""Groups. Members are changed as sets in the database: what one costs does not grow with the group."""

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
from calscim.scim.cost import INLINE, of_patch
from calscim.scim.etags import conditional, expected, unchanged
from calscim.scim.filter.operands import as_uuid
from calscim.scim.patch import apply, fast_path
from calscim.scim.request import Exchange, computed, projected
from calscim.scim.responses import etag, json_response
from calscim.scim.schema import GROUP
from calscim.scim.sizes import as_stored
from calscim.scim.users import TRIES, at_version, missing, settled

log = structlog.get_logger()

MOST_MEMBERS = 50_000  # in one request


async def create(x: Exchange) -> web.Response:
    made, change = await computed(x, lambda: _whole(x, "add"))
    number = uuid.uuid4()
    x.resource = ("Group", str(number))
    written = await resources.create_group(
        x.db,
        x.origin,
        number,
        made,
        change,
        x.reader.base,
        answer(x),
    )
    settled(x, written, "Group", made.display_name)
    told(x, written)
    return await shown(x, written, str(number))


async def read(x: Exchange, text: str) -> web.Response:
    projection = x.projection()
    number = as_uuid(text)
    found = None
    if number is not None:
        members = projection.needs("members")
        found = await resources.group(x.db, x.reader, number, members=members)
    if found is None:
        raise missing("Group", text)
    headers = {"ETag": etag(found.version)}
    if unchanged(x.headers, found.version):
        return web.Response(status=304, headers=headers)
    return json_response(await projected(x, found.body), headers=headers)


async def replace(x: Exchange, text: str) -> web.Response:
    """The members are those given, none when they are left out."""
    made, change = await computed(x, lambda: _whole(x, "replace"))
    number, version = await at_version(x, text, "Group")
    written = await resources.update_group(
        x.db, x.origin, number, made, change, x.reader.base, version, answer(x)
    )
    settled(x, written, "Group", made.display_name if written.status == 409 else text)
    told(x, written)
    return await shown(x, written, text)


def _whole(x: Exchange, op: str) -> tuple[GroupState, MemberChange]:
    """The group that a POST or PUT describes."""
    resource, members = decode.group(x.json())
    return state(resource), member_change([(op, members or [])])


async def modify(x: Exchange, text: str) -> web.Response:
    """204, so that a large group need not be read; 200 with what is asked for by ``attributes``."""
    body = await computed(x, x.json)
    number = as_uuid(text)
    x.resource = ("Group", text[:100])
    if number is None:
        raise missing("Group", text)
    given, known = await computed(x, lambda: _operations(x, body))
    if known is not None:
        return await _modified(x, number, text, text, known, None)
    is_judged = False
    for _ in range(TRIES):
        found = await resources.group_state(x.db, x.caller.directory, number)
        if found is None:
            raise missing("Group", text)
        named = expected(x.headers, found[0])
        cost = of_patch(GROUP, found[1], given)
        if not is_judged:
            x.budget.spend(cost)
            is_judged = True
        name, attributes, members = await computed(
            x, partial(_after, found[1], given), at_once=cost <= INLINE
        )
        # Members alone are sets: they need no version, unless the client named one.
        version = found[0] if named or attributes is not None else None
        try:
            return await _modified(x, number, text, name, members, attributes, version)
        except ScimError as error:
            if error.status != 412 or named:
                raise
    raise StoreUnavailable("too many changes of this group at once: try again")


def _operations(
    x: Exchange, body: dict[str, Any]
) -> tuple[list[apply.Operation], MemberChange | None]:
    """The operations, and what they come to where they are about members only and depend on no version."""
    given = apply.operations(GROUP, body)
    change = None if conditional(x.headers) else fast_path.members(given)
    return given, None if change is None else member_change(change.steps)


def _after(
    before: dict[str, Any], given: list[apply.Operation]
) -> tuple[str, GroupState | None, MemberChange]:
    """The name, the attributes if they are others than before, and what becomes of the members."""
    change = apply.group(before, given)
    attributes = None if change.resource == before else state(change.resource, before)
    return change.resource["displayName"], attributes, member_change(change.steps)


async def _modified(
    x: Exchange,
    number: uuid.UUID,
    text: str,
    name: str,
    members: MemberChange,
    attributes: GroupState | None,
    version: int | None = None,
) -> web.Response:
    written = await resources.update_group(
        x.db,
        x.origin,
        number,
        attributes,
        members,
        x.reader.base,
        version,
        answer(x) if x.projection() else "none",
    )
    settled(x, written, "Group", name if written.status == 409 else text)
    told(x, written)
    if written.body is None:
        return web.Response(status=204, headers={"ETag": etag(written.version or 0)})
    return await shown(x, written, text)


async def delete(x: Exchange, text: str) -> web.Response:
    """Its members stay users."""
    number, version = await at_version(x, text, "Group")
    written = await resources.delete_group(x.db, x.origin, number, version)
    settled(x, written, "Group", text)
    return web.Response(status=204)


def member_change(steps: list[tuple[str, list[str]]]) -> MemberChange:
    """Several steps as the one change they come to."""
    add: dict[uuid.UUID, None] = {}
    remove: dict[uuid.UUID, None] = {}
    replaced = False
    unknown: list[str] = []
    for op, texts in steps:
        numbers = []
        for text in texts:
            number = as_uuid(text)
            if number is not None:
                numbers.append(number)
            elif op != "remove":
                unknown.append(text[:200])
        if op == "replace":
            replaced, add, remove = True, dict.fromkeys(numbers), {}
        elif op == "add":
            add.update(dict.fromkeys(numbers))
            for number in numbers:
                remove.pop(number, None)
        else:
            for number in numbers:
                add.pop(number, None)
            if not replaced:
                remove.update(dict.fromkeys(numbers))
    if len(add) + len(remove) + len(unknown) > MOST_MEMBERS:
        raise ScimError(413, f"name at most {MOST_MEMBERS} members in one request")
    return MemberChange(frozenset(add), frozenset(remove), replaced, tuple(unknown))


def answer(x: Exchange) -> str:
    return "full" if x.projection().needs("members") else "bare"


def told(x: Exchange, written: Written) -> None:
    """Members that refer to nobody are skipped, and said out loud."""
    if written.skipped:
        log.warning(
            "scim.members_skipped",
            directory=x.caller.directory,
            request_id=x.request_id,
            group=x.resource[1],
            count=len(written.skipped),
            members=list(written.skipped[:20]),
        )


async def shown(x: Exchange, written: Written, number: str) -> web.Response:
    headers = {"ETag": etag(written.version or 0), "Location": f"{x.base}/Groups/{number}"}
    assert written.body is not None
    return json_response(await projected(x, written.body), written.status, headers)


def state(resource: dict[str, Any], before: dict[str, Any] | None = None) -> GroupState:
    """ScimError 400 for a resource that is too large: see calscim.scim.sizes."""
    return GroupState(
        names.spelling(resource["displayName"]),
        resource.get("externalId"),
        as_stored(resource, before),
    )
