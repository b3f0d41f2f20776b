"""Plays test suites in the format of Runscope (BlazeMeter API Monitoring), in which Okta publishes its SCIM tests.

A step is a request with assertions, and with variables to keep of the response. Pauses are left out: no request waits for
another program. Scripts are not run.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

Json = Any


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Response:
    """``milliseconds``: from the request to the end of the response."""

    status: int
    body: Json
    milliseconds: float


Send = Callable[[Request], Awaitable[Response]]


async def play(suite: Json, variables: dict[str, str], send: Send) -> list[str]:
    """Send the requests in order, and return the assertions that do not hold, each with its step."""
    known, findings = dict(variables), []
    for step in suite["steps"]:
        if step["step_type"] != "request" or step.get("skipped"):
            continue
        response = await send(_request(step, known))
        findings += [
            f"{step['note'].strip()}: {found}" for found in _failures(step, known, response)
        ]
        for variable in step.get("variables", ()):
            if variable["name"]:
                known[variable["name"]] = str(find(response.body, variable["property"]))
    return findings


def find(body: Json, path: str) -> Json:
    """Return what a path such as ``Resources[0].name.givenName`` names, or None. An empty path names the whole body."""
    for name, place in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            body = body[int(place)] if place else body[name]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def _request(step: Json, known: dict[str, str]) -> Request:
    headers = {}
    for name, value in step["headers"].items():
        headers[name] = _filled(value if isinstance(value, str) else ", ".join(value), known)
    body = step.get("body")
    url = _filled(step["url"], known)
    return Request(step["method"], url, headers, _filled(body, known).encode() if body else None)


def _filled(text: str, known: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: known.get(found[1], found[0]), text)


def _failures(step: Json, known: dict[str, str], response: Response) -> Iterator[str]:
    for assertion in step["assertions"]:
        path = assertion.get("property") or ""
        match assertion["source"]:
            case "response_status":
                found: Json = response.status
            case "response_time":
                found = response.milliseconds
            case _:
                found = find(response.body, path)
        value = assertion.get("value")
        wanted = _filled(value, known) if isinstance(value, str) else value
        if not _holds(assertion["comparison"], found, wanted):
            shown = path or assertion["source"]
            yield f"{shown} {assertion['comparison']} {wanted}, and is {_text(found)[:200]}"


def _holds(comparison: str, found: Json, wanted: Json) -> bool:
    match comparison:
        case "equal_number":
            return float(found) == float(wanted)
        case "equal":
            return _text(found) == _text(wanted)
        case "not_empty":
            return found not in (None, "", [], {})
        case "is_a_number":
            return isinstance(found, int | float) and not isinstance(found, bool)
        case "is_less_than":
            return float(found) < float(wanted)
        case "has_value" | "contains":
            return wanted in _text(found)
        case "does_not_contain":
            return wanted not in _text(found)
    raise AssertionError(f"the comparison {comparison} is not known")


def _text(value: Json) -> str:
    """Return a value as Runscope compares it: true and 0 are the texts "true" and "0"."""
    return value if isinstance(value, str) else json.dumps(value)
