"""Checks requests and answers against the facts of Cal.com's published OpenAPI document (see extract_facts.py)."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import jsonschema
import orjson

from tests.calcom.extract_facts import FACTS


class Contract:
    """The operations of Cal.com's API, and the types of their parameters, bodies and answers."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._operations = facts["operations"]
        self._types = facts["types"]

    def check_request(
        self, method: str, path: str, query: Iterable[tuple[str, str]], body: Any | None
    ) -> str:
        """Return the operation. Raise AssertionError or ValidationError for what Cal.com does not document."""
        operation = self._operation(method, path)
        facts = self._operations[operation]
        for name, value in query:
            assert name in facts["query"], f"{operation} takes no {name}"
            self._validate(_parameter(facts["query"][name], value), facts["query"][name])
        assert (body is None) == ("body" not in facts), f"{operation}: body {body}"
        if body is not None:
            self._validate(body, facts["body"])
            unknown = set(body) - self._properties(facts["body"])
            assert not unknown, f"{operation} does not know {unknown}"
        return operation

    def check_answer(self, method: str, path: str, status: int, body: Any) -> None:
        """Raise AssertionError or ValidationError for an answer that Cal.com does not document."""
        operation = self._operation(method, path)
        answers = self._operations[operation]["answers"]
        assert str(status) in answers, f"{operation} never answers {status}"
        self._validate(body, answers[str(status)])

    def _operation(self, method: str, path: str) -> str:
        fitting = [
            (operation.count("{"), operation)
            for operation in self._operations
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", operation), f"{method} {path}")
        ]
        assert fitting, f"Cal.com has no {method} {path}"
        return min(fitting)[1]

    def _validate(self, value: Any, schema: dict[str, Any]) -> None:
        jsonschema.Draft7Validator({"types": self._types, "allOf": [schema]}).validate(value)

    def _properties(self, schema: dict[str, Any]) -> set[str]:
        if "$ref" in schema:
            return self._properties(self._types[schema["$ref"].rpartition("/")[2]])
        alternatives = (self._properties(one) for one in schema.get("anyOf", ()))
        return set(schema.get("properties", {})).union(*alternatives)


@cache
def contract() -> Contract:
    return Contract(orjson.loads(FACTS.read_bytes()))


def _parameter(schema: dict[str, Any], text: str) -> Any:
    """Return a query parameter as a value of its type."""
    kind = schema.get("type")
    if kind == "array":
        return [text]
    return int(text) if kind in ("integer", "number") else text
