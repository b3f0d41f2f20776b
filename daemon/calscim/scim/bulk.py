"""Bulk (RFC 7644 section 3.7): operations one after the other, each a change of its own with its journal row."""

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson
from aiohttp import web

from calscim.errors import ScimError
from calscim.journal import append as journal
from calscim.scim.request import Exchange, computed
from calscim.scim.responses import error_value, value_response
from calscim.scim.schema import MAX_OPERATIONS

RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_PATH = re.compile(r"^/?(Users|Groups)(?:/([^/?]+))?$", re.IGNORECASE)

_REFERENCE = re.compile(r"(|\S*/)bulkId:([^/]+)")

Change = Callable[[Exchange, str, str, str | None], Awaitable[web.Response]]


async def bulk(x: Exchange, change: Change) -> web.Response:
    """``change`` does one operation: exchange, method, endpoint, id."""
    entries, order, most = await computed(x, lambda: _read(x))
    ids: dict[str, str] = {}
    answers: dict[int, dict[str, Any]] = {}
    failed = 0
    for number in order:
        answers[number], error = await _one(x, change, entries[number], number, ids)
        failed += error
        if most and failed >= most:
            break
    shown = [answers[number] for number in sorted(answers)]
    return value_response({"schemas": [RESPONSE], "Operations": shown})


def _read(x: Exchange) -> tuple[list[Any], list[int], int | None]:
    """Return the operations, the order in which to perform them, and the number of failures after which to stop."""
    body = x.json()
    low = {name.lower(): value for name, value in body.items()}
    entries = low.get("operations")
    if not isinstance(entries, list):
        raise ScimError(400, "Operations has to be a list", "invalidSyntax")
    if len(entries) > MAX_OPERATIONS:
        raise ScimError(413, f"send at most {MAX_OPERATIONS} operations", "tooMany")
    most = low.get("failonerrors")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int)):
        raise ScimError(400, "failOnErrors takes a whole number", "invalidValue")
    return entries, _order(entries), most


def _order(entries: list[Any]) -> list[int]:
    """As they came, but what is referred to first; a circle cannot be, and is refused when it is met."""
    lows = [_low(entry) for entry in entries]
    made = {
        str(low.get("bulkid")): number
        for number, low in enumerate(lows)
        if str(low.get("method", "")).upper() == "POST"
    }
    needed = [
        iter(
            [made[name] for name in _references((low.get("path"), low.get("data"))) if name in made]
        )
        for low in lows
    ]
    ordered: list[int] = []
    begun: set[int] = set()
    for first in range(len(entries)):
        stack = [first] if first not in begun else []
        while stack:
            begun.add(stack[-1])
            following = next((number for number in needed[stack[-1]] if number not in begun), None)
            if following is None:
                ordered.append(stack.pop())
            else:
                stack.append(following)
    return ordered


async def _one(
    x: Exchange, change: Change, entry: Any, number: int, ids: dict[str, str]
) -> tuple[dict[str, Any], bool]:
    low = _low(entry)
    method = str(low.get("method", "")).upper()
    answer: dict[str, Any] = {"method": method}
    if isinstance(low.get("bulkid"), str):
        answer["bulkId"] = low["bulkid"]
    try:
        path, part = await computed(x, lambda: _prepared(x, low, method, number, ids))
        endpoint, resource = _target(path)
        if method != "POST":
            answer["location"] = f"{x.base}/{endpoint}/{resource}"
        response = await change(part, method, endpoint, resource)
    except ScimError as error:
        if error.status == 401:  # nothing that follows would be done either
            raise
        await _refused(x, entry, number, error)
        return {**answer, "status": str(error.status), "response": error_value(error)}, True
    answer["status"] = str(response.status)
    if "Location" in response.headers:
        answer["location"] = response.headers["Location"]
    if "ETag" in response.headers:
        answer["version"] = response.headers["ETag"]
    if method == "POST" and "bulkId" in answer:
        ids[answer["bulkId"]] = answer["location"].rpartition("/")[2]
    return answer, False


async def _refused(x: Exchange, entry: Any, number: int, error: ScimError) -> None:
    """Journal an operation that was not made, as it came: an answer of 200 is not journaled as a refusal."""
    part = replace(x, path=f"{x.path}#{number}", body=orjson.dumps(entry))
    if await journal.refuse(x.db, part.origin, error.status, "", "") is None:
        raise ScimError(401, "the bearer token is no longer valid: make another one")


def _target(path: str) -> tuple[str, str | None]:
    found = _PATH.match(path)
    if found is None:
        raise ScimError(404, f"{path[:100]} is no endpoint", "invalidPath")
    return found[1].capitalize(), found[2]


def _prepared(
    x: Exchange, low: dict[str, Any], method: str, number: int, ids: dict[str, str]
) -> tuple[str, Exchange]:
    """The path and an exchange of the operation's own, its references to others resolved."""
    path = low.get("path")
    if method not in _METHODS or not isinstance(path, str):
        raise ScimError(400, "an operation needs a method and a path", "invalidSyntax")
    if method == "POST" and not (low.get("bulkid") and isinstance(low["bulkid"], str)):
        raise ScimError(400, "a POST in bulk needs a bulkId", "invalidSyntax")
    data = low.get("data", {})
    if not isinstance(data, dict):
        raise ScimError(400, "data has to be an object", "invalidSyntax")
    headers = {} if low.get("version") is None else {"If-Match": str(low["version"])}
    part = replace(
        x,
        method=method,
        path=f"{x.path}#{number}",
        query={},
        headers=headers,
        body=orjson.dumps(_resolved(data, ids)),
    )
    return str(_resolved(path, ids)), part


def _resolved(value: Any, ids: dict[str, str]) -> Any:
    """``bulkId:x`` as the id that x was given. ScimError 409 when it was given none."""
    if isinstance(value, dict):
        return {key: _resolved(part, ids) for key, part in value.items()}
    if isinstance(value, list):
        return [_resolved(part, ids) for part in value]
    if (found := _reference(value)) is not None:
        before, name = found.groups()
        if name not in ids:
            raise ScimError(
                409,
                f"bulkId {name[:100]} names nothing that was created: its POST is missing, failed, "
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
    """A whole value or the end of a path; a text may well speak of ``bulkId:`` elsewhere."""
    return _REFERENCE.fullmatch(value) if isinstance(value, str) and "bulkId:" in value else None


def _low(entry: Any) -> dict[str, Any]:
    return {name.lower(): value for name, value in entry.items()} if isinstance(entry, dict) else {}
