"""Bulk requests (RFC 7644 section 3.7): operations one after the other, each a change with its own journal row."""

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson
from aiohttp import web
from multidict import CIMultiDict, MultiDict

from calscim.errors import ScimError
from calscim.journal import append as journal
from calscim.scim.request import RequestContext, compute
from calscim.scim.responses import error_value, value_response
from calscim.scim.schema import MAX_OPERATIONS

BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_PATH = re.compile(r"^/?(Users|Groups)(?:/([^/?]+))?$", re.IGNORECASE)
_REFERENCE = re.compile(r"(|\S*/)bulkId:([^/]+)")

# Makes one change: context, method, endpoint, raw id.
Change = Callable[[RequestContext, str, str, str | None], Awaitable[web.Response]]


async def bulk(ctx: RequestContext, change: Change) -> web.Response:
    """Perform the operations of a bulk request."""
    entries, order, max_failures = await compute(ctx, lambda: _parse(ctx))
    ids: dict[str, str] = {}
    results: dict[int, dict[str, Any]] = {}
    failures = 0
    for index in order:
        results[index], has_failed = await _perform(ctx, change, entries[index], index, ids)
        failures += has_failed
        if max_failures and failures >= max_failures:
            break
    operations = [results[index] for index in sorted(results)]
    return value_response({"schemas": [BULK_RESPONSE], "Operations": operations})


def _parse(ctx: RequestContext) -> tuple[list[Any], list[int], int | None]:
    """Return the operations, the order in which to perform them, and the number of failures after which to stop."""
    low = _lower_keys(ctx.json())
    entries = low.get("operations")
    if not isinstance(entries, list):
        raise ScimError(400, '"Operations" must be an array', "invalidSyntax")
    if len(entries) > MAX_OPERATIONS:
        raise ScimError(
            413,
            f"the request has more than {MAX_OPERATIONS} operations: send them in several requests",
            "tooMany",
        )
    return entries, _order(entries), _max_failures(low.get("failonerrors"))


def _max_failures(given: Any) -> int | None:
    """Return a whole number, which JSON may write as 1 or 1.0."""
    if given is None:
        return None
    is_whole = isinstance(given, int) or (isinstance(given, float) and given.is_integer())
    if isinstance(given, bool) or not is_whole or given < 0:
        raise ScimError(400, '"failOnErrors" must be a whole number, 0 or more', "invalidValue")
    return int(given)


def _order(entries: list[Any]) -> list[int]:
    """Return the indexes of the operations as they came, but each after the operations that it refers to.

    A circle of references has no such order. Its operation fails when it is performed.
    """
    operations = [_lower_keys(entry) for entry in entries]
    creates = {
        str(operation.get("bulkid")): index
        for index, operation in enumerate(operations)
        if str(operation.get("method", "")).upper() == "POST"
    }
    required = [
        iter(
            [
                creates[name]
                for name in _references((operation.get("path"), operation.get("data")))
                if name in creates
            ]
        )
        for operation in operations
    ]
    ordered: list[int] = []
    visited: set[int] = set()
    for start in range(len(entries)):
        stack = [start] if start not in visited else []
        while stack:
            visited.add(stack[-1])
            following = next((index for index in required[stack[-1]] if index not in visited), None)
            if following is None:
                ordered.append(stack.pop())
            else:
                stack.append(following)
    return ordered


async def _perform(
    ctx: RequestContext, change: Change, entry: Any, index: int, ids: dict[str, str]
) -> tuple[dict[str, Any], bool]:
    """Return the result of an operation, and whether it failed. ``ids`` has the id of each bulkId created so far."""
    operation = _lower_keys(entry)
    method = str(operation.get("method", "")).upper()
    result: dict[str, Any] = {"method": method}
    if isinstance(operation.get("bulkid"), str):
        result["bulkId"] = operation["bulkid"]
    try:
        path, context = await compute(
            ctx, lambda: _operation_context(ctx, operation, method, index, ids)
        )
        endpoint, raw_id = _target(path)
        if raw_id is not None:
            result["location"] = f"{ctx.base}/{endpoint}/{raw_id}"
        response = await change(context, method, endpoint, raw_id)
    except ScimError as error:
        if error.status == 401:  # the other operations would fail as well
            raise
        await _journal_refusal(ctx, entry, index, error)
        return {**result, "status": str(error.status), "response": error_value(error)}, True
    result["status"] = str(response.status)
    if "Location" in response.headers:
        result["location"] = response.headers["Location"]
    if "ETag" in response.headers:
        result["version"] = response.headers["ETag"]
    if method == "POST" and "bulkId" in result:
        ids[result["bulkId"]] = result["location"].rpartition("/")[2]
    return result, False


async def _journal_refusal(ctx: RequestContext, entry: Any, index: int, error: ScimError) -> None:
    """Journal a refused operation as it came. The response to the bulk request is 200 and is not journaled."""
    context = replace(ctx, path=f"{ctx.path}#{index}", body=orjson.dumps(entry))
    if await journal.refuse(ctx.db, context.origin, error.status, "", "") is None:
        raise ScimError(401, "the bearer token is no longer valid: create another token")


def _target(path: str) -> tuple[str, str | None]:
    """Return the endpoint and the raw id of an operation's path."""
    found = _PATH.match(path)
    if found is None:
        raise ScimError(
            404, f"{path[:100]} is not an endpoint: use /Users or /Groups", "invalidPath"
        )
    return found[1].capitalize(), found[2]


def _operation_context(
    ctx: RequestContext, operation: dict[str, Any], method: str, index: int, ids: dict[str, str]
) -> tuple[str, RequestContext]:
    """Return the path and the context of one operation, with its references to other operations resolved."""
    path = operation.get("path")
    if method not in _METHODS or not isinstance(path, str):
        raise ScimError(
            400,
            'an operation must have a "path", and a "method" of POST, PUT, PATCH or DELETE',
            "invalidSyntax",
        )
    bulk_id = operation.get("bulkid")
    if method == "POST" and not (bulk_id and isinstance(bulk_id, str)):
        raise ScimError(400, 'a POST in a bulk request must have a "bulkId"', "invalidSyntax")
    if method == "POST" and bulk_id in ids:
        raise ScimError(
            400,
            f"another POST of this request has the bulkId {bulk_id[:100]}: give each its own",
            "invalidValue",
        )
    data = operation.get("data", {})
    if not isinstance(data, dict):
        raise ScimError(400, '"data" must be an object', "invalidSyntax")
    version = operation.get("version")
    context = replace(
        ctx,
        method=method,
        path=f"{ctx.path}#{index}",
        query=MultiDict(),
        headers=CIMultiDict(() if version is None else (("If-Match", str(version)),)),
        body=orjson.dumps(_resolved(data, ids)),
    )
    return str(_resolved(path, ids)), context


def _resolved(value: Any, ids: dict[str, str]) -> Any:
    """Return a value with the id of each ``bulkId:NAME`` in its place. Raise ScimError(409) if NAME has none."""
    if isinstance(value, dict):
        return {key: _resolved(part, ids) for key, part in value.items()}
    if isinstance(value, list):
        return [_resolved(part, ids) for part in value]
    if (found := _reference(value)) is not None:
        before, name = found.groups()
        if name not in ids:
            raise ScimError(
                409,
                f"bulkId {name[:100]} names no created resource: its POST is missing or failed, "
                "or refers to this operation",
                "invalidValue",
            )
        return str(before + ids[name])
    return value


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _references(part)
    elif (found := _reference(value)) is not None:
        yield found[2]


def _reference(value: Any) -> re.Match[str] | None:
    """Return the reference if it is the whole value or the end of a path: other texts may contain ``bulkId:``."""
    return _REFERENCE.fullmatch(value) if isinstance(value, str) and "bulkId:" in value else None


def _lower_keys(entry: Any) -> dict[str, Any]:
    return {name.lower(): value for name, value in entry.items()} if isinstance(entry, dict) else {}
