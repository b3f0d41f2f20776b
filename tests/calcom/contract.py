"""Checks requests and answers against Cal.com's published OpenAPI document, where it is at hand."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "calcom" / "openapi.json"

needed = pytest.mark.skipif(
    not DOCUMENT.exists(), reason="Cal.com's OpenAPI document is not beside the repository"
)


class Contract:
    """What the document says of each path and method."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._paths = document["paths"]
        self._components = _with_null(document["components"])

    def request(
        self, method: str, path: str, query: Iterable[tuple[str, str]], body: Any | None
    ) -> str:
        """Returns the path's template; AssertionError or ValidationError when something is not in it."""
        template, operation = self._operation(method, path)
        known = {one["name"]: one for one in operation["parameters"] if one["in"] == "query"}
        for name, value in query:
            assert name in known, f"{method} {template} takes no {name}"
            self._validate(_read(known[name]["schema"], value), _with_null(known[name]["schema"]))
        wanted = operation.get("requestBody")
        assert (body is None) == (wanted is None), f"{method} {template}: body {body}"
        if wanted is not None:
            schema = wanted["content"]["application/json"]["schema"]
            self._validate(body, schema)
            unknown = set(body) - self._properties(schema)
            assert not unknown, f"{method} {template} does not know {unknown}"
        return f"{method} {template}"

    def answer(self, method: str, path: str, status: int, body: Any) -> None:
        _, operation = self._operation(method, path)
        answers = operation["responses"]
        assert str(status) in answers, f"{method} {path} never answers {status}"
        found = answers[str(status)]
        if "$ref" in found:
            found = self._components["responses"][found["$ref"].rpartition("/")[2]]
        self._validate(body, found["content"]["application/json"]["schema"])

    def _operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        fitting = [
            (template.count("{"), template)
            for template in self._paths
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
        ]
        assert fitting, f"Cal.com has no {path}"
        template = min(fitting)[1]
        assert method.lower() in self._paths[template], f"Cal.com has no {method} {template}"
        return template, self._paths[template][method.lower()]

    def _validate(self, value: Any, schema: dict[str, Any]) -> None:
        jsonschema.Draft7Validator({"components": self._components, **schema}).validate(value)

    def _properties(self, schema: dict[str, Any]) -> set[str]:
        if "$ref" in schema:
            return self._properties(self._components["schemas"][schema["$ref"].rpartition("/")[2]])
        if "oneOf" in schema:
            return set().union(*(self._properties(one) for one in schema["oneOf"]))
        return set(schema.get("properties", {}))


@cache
def contract() -> Contract:
    return Contract(orjson.loads(DOCUMENT.read_bytes()))


def _read(schema: dict[str, Any], text: str) -> Any:
    kind = schema.get("type")
    if kind == "array":
        return [text]
    return int(text) if kind in ("integer", "number") else text


def _with_null(schema: Any) -> Any:
    """OpenAPI 3.0's ``nullable``, as JSON Schema says it; and the document's attributes are not "one of"."""
    if isinstance(schema, list):
        return [_with_null(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {
        "anyOf" if key == "oneOf" else key: _with_null(value)
        for key, value in schema.items()
        if key != "nullable"
    }
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain
