"""Extracts the facts that the contract tests need from Cal.com's published OpenAPI document.

    python -m tests.calcom.extract_facts OPENAPI.json

The facts are names, types and limits of parameters, bodies and answers; texts of the document are left out. They are
written to tests/calcom/facts/api.json as JSON Schema, with "null" where the document says "nullable".
"""

import sys
from pathlib import Path
from typing import Any

import orjson

FACTS = Path(__file__).resolve().parent / "facts" / "api.json"

# What JSON Schema checks. Everything else in a schema describes it to people.
_CHECKED = frozenset(
    [
        "type",
        "enum",
        "items",
        "required",
        "properties",
        "additionalProperties",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "pattern",
        "format",
    ]
)
_UNUSED = "/webhooks"


def facts_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the operations of a document, and the types that they use."""
    operations = {
        f"{method.upper()} {path}": _operation(operation, document)
        for path, methods in document["paths"].items()
        if _UNUSED not in path
        for method, operation in methods.items()
    }
    types: dict[str, Any] = {}
    waiting = sorted(_references(operations))
    while waiting:
        name = waiting.pop()
        if name not in types:
            types[name] = _schema(document["components"]["schemas"][name])
            waiting += _references(types[name])
    return {"operations": operations, "types": dict(sorted(types.items()))}


def _operation(operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    answers = {}
    for status, given in operation["responses"].items():
        answer = given
        if "$ref" in given:
            answer = document["components"]["responses"][_last(given["$ref"])]
        answers[status] = _schema(answer["content"]["application/json"]["schema"])
    facts: dict[str, Any] = {
        "query": {
            one["name"]: _schema(one["schema"])
            for one in operation.get("parameters", ())
            if one["in"] == "query"
        },
        "answers": answers,
    }
    if "requestBody" in operation:
        facts["body"] = _schema(operation["requestBody"]["content"]["application/json"]["schema"])
    return facts


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what JSON Schema can check of a schema of OpenAPI 3.0."""
    if "$ref" in schema:
        return {"$ref": f"#/types/{_last(schema['$ref'])}"}
    kept = {key: value for key, value in schema.items() if key in _CHECKED}
    if "properties" in kept:
        kept["properties"] = {name: _schema(one) for name, one in kept["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _schema(kept[key])
    for key in ("oneOf", "anyOf", "allOf"):
        if (
            key in schema
        ):  # several of the document's alternatives may fit: it says oneOf and means anyOf
            kept["allOf" if key == "allOf" else "anyOf"] = [_schema(one) for one in schema[key]]
    return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") is True else kept


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [_last(value["$ref"])] if isinstance(value.get("$ref"), str) else []
        return own + [name for part in value.values() for name in _references(part)]
    return [name for part in value for name in _references(part)] if isinstance(value, list) else []


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]


if __name__ == "__main__":
    [_, source] = sys.argv
    facts = facts_of(orjson.loads(Path(source).read_bytes()))
    FACTS.write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
