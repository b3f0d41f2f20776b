"""Write docs/reference/ops.openapi.json, an OpenAPI 3.1 description of the operators' listener (`make reference`)."""

import json
import sys
from pathlib import Path

from calscim.app.events.parameters import DEFAULT_LIMIT, MAX_LIMIT, MAX_POSITION, MAX_WAIT
from calscim.app.events.problems import MEDIA_TYPE
from tools.openapi.types import Json, ref

REFERENCE = Path(__file__).parents[2] / "docs/reference"
PAGE = REFERENCE / "ops.openapi.json"
EVENT = REFERENCE / "events-feed.schema.json"
_PROBLEMS = {
    "400": ("A parameter is wrong or unknown.", None),
    "401": ("The request has no valid token.", "WWW-Authenticate"),
    "403": ("The token belongs to a directory.", "WWW-Authenticate"),
    "410": ("Events after this position were deleted.", None),
    "429": ("Too many wrong tokens came from this address.", "Retry-After"),
    "503": ("The database does not answer.", "Retry-After"),
}


def document() -> Json:
    """Return the description."""
    event = json.loads(EVENT.read_text(encoding="utf-8"))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "calscim: operators' listener",
            "version": "1",
            "description": "What `ops.listen` serves. docs/reference/events-feed.md describes the change feed.",
        },
        "servers": [{"url": "http://127.0.0.1:8086"}],
        "paths": {
            "/healthz": {"get": _text("isAlive", "Return ok while the process lives")},
            "/readyz": {
                "get": _text(
                    "isReady", "Return ready if SCIM requests can be answered", unready=True
                )
            },
            "/metrics": {"get": _text("metrics", "Return the metrics in Prometheus' text format")},
            "/v1/events": {"get": _events()},
        },
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `calscim token create --events`. Local programs need none.",
                }
            },
            "schemas": {"Event": event, "Page": _page(), "Problem": _problem()},
        },
    }


def _text(name: str, summary: str, *, unready: bool = False) -> Json:
    def response(description: str) -> Json:
        content = {"text/plain": {"schema": {"type": "string"}}}
        return {"description": description, "content": content}

    responses = {"200": response("The text.")}
    if unready:
        responses["503"] = response("The reason.") | _header("Retry-After")
    return {"operationId": name, "summary": summary, "responses": responses}


def _header(name: str) -> Json:
    return {"headers": {name: {"required": True, "schema": {"type": "string"}}}}


def _events() -> Json:
    page = {"description": "The events.", "content": {"application/json": {"schema": ref("Page")}}}
    problem = {MEDIA_TYPE: {"schema": ref("Problem")}}
    responses: Json = {"200": page}
    for status, (description, header) in _PROBLEMS.items():
        more = {} if header is None else _header(header)
        responses[status] = {"description": description, "content": problem} | more
    return {
        "operationId": "listEvents",
        "summary": "Read the change feed",
        "security": [{}, {"bearer": []}],
        "parameters": [
            _number("after", 0, 0, MAX_POSITION, "The `next` of the page before."),
            _number("limit", DEFAULT_LIMIT, 1, MAX_LIMIT, "The most events of the page."),
            _number("wait", 0, 0, MAX_WAIT, "The seconds to wait for an event if there is none."),
        ],
        "responses": responses,
    }


def _number(name: str, default: int, lowest: int, highest: int, description: str) -> Json:
    schema = {"type": "integer", "minimum": lowest, "maximum": highest, "default": default}
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _page() -> Json:
    position = {"type": "integer", "description": "The `after` of the next request."}
    return {
        "type": "object",
        "required": ["events", "next"],
        "properties": {"events": {"type": "array", "items": ref("Event")}, "next": position},
        "additionalProperties": False,
    }


def _problem() -> Json:
    text: Json = {"type": "string"}
    fields = {"type": text, "title": text, "status": {"type": "integer"}, "detail": text}
    return {"type": "object", "required": list(fields), "properties": fields}


def text() -> str:
    """Return the file's content."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
