"""Groups. Members are changed as sets in the database: what one costs does not grow with the group."""

import uuid
from typing import Any

import orjson
import structlog
from aiohttp import web

from calscim import names
from calscim.errors import ScimError, StoreUnavailable
from calscim.scim import direct, patch, payload
from calscim.scim.comparisons import as_uuid
from calscim.scim.conditions import conditional, expected, unchanged
from calscim.scim.exchange import Exchange
from calscim.scim.patch import GroupChange
from calscim.scim.responses import etag, json_response, value_response
from calscim.scim.schema import GROUP
from calscim.scim.users import TRIES, at_version, missing, settled
from calscim.store import resources
from calscim.store.changes import Written
from calscim.store.resources import GroupState, MemberChange

log = structlog.get_logger()

MOST_MEMBERS = 50_000  # in one request


async def create(x: Exchange) -> web.Response:
    resource, members = payload.group(x.json())
    number = uuid.uuid4()
    x.resource = ("Group", str(number))
    written = await resources.create_group(
        x.db,
        x.origin,
        number,
        state(resource),
        member_change([("add", members or [])]),
        x.reader.base,
        answer(x),
    )
    settled(x, written, "Group", resource["displayName"])
    told(x, written)
    return shown(x, written, str(number))


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
    if projection:
        return value_response(projection.apply(orjson.loads(found.body)), headers=headers)
    return json_response(found.body, headers=headers)


async def replace(x: Exchange, text: str) -> web.Response:
    """The members are those given, none when they are left out."""
    resource, members = payload.group(x.json())
    number, version = await at_version(x, text, "Group")
    change = member_change([("replace", members or [])])
    written = await resources.update_group(
        x.db, x.origin, number, state(resource), change, x.reader.base, version, answer(x)
    )
    settled(x, written, "Group", resource["displayName"] if written.status == 409 else text)
    told(x, written)
    return shown(x, written, text)


async def modify(x: Exchange, text: str) -> web.Response:
    """204, so that a large group need not be read; 200 with what is asked for by ``attributes``."""
    body = x.json()
    number = as_uuid(text)
    x.resource = ("Group", text[:100])
    if number is None:
        raise missing("Group", text)
    given = patch.operations(GROUP, body)
    if not conditional(x.headers) and (change := direct.members(given)) is not None:
        return await _modified(x, number, text, change, None)
    for _ in range(TRIES):
        found = await resources.group_state(x.db, x.caller.directory, number)
        if found is None:
            raise missing("Group", text)
        named = expected(x.headers, found[0])
        change = patch.group(found[1], given)
        attributes = None if change.resource == found[1] else state(change.resource)
        # Members alone are sets: they need no version, unless the client named one.
        version = found[0] if named or attributes is not None else None
        try:
            return await _modified(x, number, text, change, attributes, version)
        except ScimError as error:
            if error.status != 412 or named:
                raise
    raise StoreUnavailable("too many changes of this group at once: try again")


async def _modified(
    x: Exchange,
    number: uuid.UUID,
    text: str,
    change: GroupChange,
    attributes: GroupState | None,
    version: int | None = None,
) -> web.Response:
    written = await resources.update_group(
        x.db,
        x.origin,
        number,
        attributes,
        member_change(change.steps),
        x.reader.base,
        version,
        answer(x) if x.projection() else "none",
    )
    name = change.resource["displayName"] if written.status == 409 else text
    settled(x, written, "Group", name)
    told(x, written)
    if written.body is None:
        return web.Response(status=204, headers={"ETag": etag(written.version or 0)})
    return shown(x, written, text)


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


def shown(x: Exchange, written: Written, number: str) -> web.Response:
    headers = {"ETag": etag(written.version or 0), "Location": f"{x.base}/Groups/{number}"}
    assert written.body is not None
    if projection := x.projection():
        value = projection.apply(orjson.loads(written.body))
        return value_response(value, written.status, headers)
    return json_response(written.body, written.status, headers)


def state(resource: dict[str, Any]) -> GroupState:
    return GroupState(
        names.spelling(resource["displayName"]),
        resource.get("externalId"),
        orjson.dumps(resource).decode(),
    )
