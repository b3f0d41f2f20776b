"""Users: created, read, replaced, patched, deleted. A change is made from the version it was read at."""

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aiohttp import web

from calscim.directory import resources
from calscim.directory.resources import UserState
from calscim.directory.writes import Written
from calscim.errors import ScimError, StoreUnavailable
from calscim.scim import decode
from calscim.scim.cost import INLINE, of_patch
from calscim.scim.etags import conditional, expected, unchanged
from calscim.scim.filter.operands import as_uuid
from calscim.scim.patch import apply, fast_path
from calscim.scim.request import Exchange, computed, projected
from calscim.scim.responses import etag, json_response
from calscim.scim.schema import USER
from calscim.scim.sizes import as_stored

TRIES = 200  # each failure means that somebody else's change went in


async def create(x: Exchange) -> web.Response:
    """RFC 7644 section 3.3."""
    made = await computed(x, lambda: state(decode.user(x.json())))
    number = uuid.uuid4()
    x.resource = ("User", str(number))
    written = await resources.create_user(x.db, x.origin, number, made, x.reader.base)
    settled(x, written, "User", made.user_name)
    return await shown(x, written, str(number))


async def read(x: Exchange, text: str) -> web.Response:
    """RFC 7644 section 3.4.1."""
    number = as_uuid(text)
    found = None if number is None else await resources.user(x.db, x.reader, number)
    if found is None:
        raise missing("User", text)
    headers = {"ETag": etag(found.version)}
    if unchanged(x.headers, found.version):
        return web.Response(status=304, headers=headers)
    return json_response(await projected(x, found.body), headers=headers)


async def replace(x: Exchange, text: str) -> web.Response:
    """RFC 7644 section 3.5.1: what is left out is cleared, but ``active``, which is kept."""
    resource = await computed(x, lambda: decode.replacement(x.json()))
    if "active" not in resource or decode.doubtful(resource):
        return await _change(
            x,
            text,
            lambda current: decode.sound(
                {"active": current["active"], **resource}, decode.addresses(current)
            ),
            reads=True,
        )
    return await _change(x, text, lambda _: resource, reads=conditional(x.headers))


async def modify(x: Exchange, text: str) -> web.Response:
    """RFC 7644 section 3.5.2."""
    body = await computed(x, x.json)
    number = as_uuid(text)
    x.resource = ("User", text[:100])
    if number is None:
        raise missing("User", text)
    given = await computed(x, lambda: apply.operations(USER, body))
    if not conditional(x.headers) and (values := fast_path.values(given)) is not None:
        written = await resources.set_user(x.db, x.origin, number, values, x.reader.base)
        settled(x, written, "User", text)
        return await shown(x, written, text)
    return await _change(x, text, lambda current: apply.user(current, given), given, reads=True)


async def delete(x: Exchange, text: str) -> web.Response:
    """RFC 7644 section 3.6."""
    number, version = await at_version(x, text, "User")
    written = await resources.delete_user(x.db, x.origin, number, version)
    settled(x, written, "User", text)
    return web.Response(status=204)


async def at_version(x: Exchange, text: str, kind: str) -> tuple[uuid.UUID, int | None]:
    """The id, and the version a condition names; ScimError 404 or 412."""
    number = as_uuid(text)
    x.resource = (kind, text[:100])
    if number is None:
        raise missing(kind, text)
    if not conditional(x.headers):
        return number, None
    read_state = resources.user_state if kind == "User" else resources.group_state
    found = await read_state(x.db, x.caller.directory, number)
    if found is None:
        raise missing(kind, text)
    expected(x.headers, found[0])
    return number, found[0]


async def _change(
    x: Exchange,
    text: str,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    operations: Sequence[apply.Operation] = (),
    *,
    reads: bool,
) -> web.Response:
    """``reads``: the change depends on the present state; a PUT without a condition does not.

    ``operations``: what the change does, from which its cost is computed.
    """
    number = as_uuid(text)
    x.resource = ("User", text[:100])
    if number is None:
        raise missing("User", text)
    is_judged = False
    for _ in range(TRIES):
        version, named, before, at_once = None, False, {}, True
        if reads:
            found = await resources.user_state(x.db, x.caller.directory, number)
            if found is None:
                raise missing("User", text)
            version = found[0]
            named = expected(x.headers, version)
            before = found[1]
            cost = of_patch(USER, before, operations)
            at_once = cost <= INLINE
            if not is_judged:
                x.budget.spend(cost)
                is_judged = True
        made = await computed(x, partial(_changed, change, before), at_once=at_once)
        written = await resources.update_user(x.db, x.origin, number, made, x.reader.base, version)
        if written.status == 412 and not named:
            continue
        settled(x, written, "User", made.user_name if written.status == 409 else text)
        return await shown(x, written, text)
    raise StoreUnavailable("too many changes of this user at once: try again")


def _changed(
    change: Callable[[dict[str, Any]], dict[str, Any]], before: dict[str, Any]
) -> UserState:
    return state(change(before), before)


def settled(x: Exchange, written: Written, kind: str, name: str) -> None:
    """ScimError for a change that was not made."""
    x.seq = written.seq
    match written.status:
        case 401:
            raise ScimError(401, "the bearer token is valid no more: make another one")
        case 404:
            raise missing(kind, name)
        case 409:
            attribute = "userName" if kind == "User" else "displayName"
            raise ScimError(
                409,
                f"the {attribute} {name[:200]} is taken, in whatever case: look it up with a filter",
                "uniqueness",
            )
        case 412:
            raise ScimError(412, f"the {kind.lower()} was changed meanwhile: read it again")


async def shown(x: Exchange, written: Written, number: str) -> web.Response:
    headers = {"ETag": etag(written.version or 0), "Location": f"{x.base}/Users/{number}"}
    assert written.body is not None
    return json_response(await projected(x, written.body), written.status, headers)


def state(resource: dict[str, Any], before: dict[str, Any] | None = None) -> UserState:
    """ScimError 400 for a resource that is too large: see calscim.scim.sizes."""
    return UserState(
        user_name=resource["userName"],
        external_id=resource.get("externalId"),
        email=decode.email_of(resource),
        emails=decode.emails_of(resource),
        active=resource.get("active"),
        data=as_stored(resource, before),
    )


def missing(kind: str, text: str) -> ScimError:
    return ScimError(404, f"{kind} {text[:100]} does not exist in this directory")
