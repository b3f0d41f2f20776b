"""The requests of each identity provider, in its order and dialect, and the expected responses.

A conversation is a JSON file. ``source`` names the documentation of its requests. ``save`` of a step stores a value of
the response under a name, and ``${name}`` stands for it in later steps. A step expects a part of the body: ``"*"`` is
any value, ``null`` is no value, and the order of a list does not matter.
"""

import json
import re
from pathlib import Path

import pytest

CONVERSATIONS = sorted((Path(__file__).parents[1] / "conversations").glob("*.json"))
STEP = {"name", "method", "path", "headers", "body", "raw", "save", "expect"}


def filled(value, known):
    if isinstance(value, dict):
        return {key: filled(part, known) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, known) for part in value]
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: known[found[1]], value)
    return value


def difference(expected, got, path=""):
    """Return where a response differs from the expected part, or None."""
    if expected is None:
        return None if got in (None, []) else f"{path} should not be there, and is {got!r}"
    if expected == "*":
        return f"{path} is missing" if got in (None, "", [], {}) else None
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return f"{path} should be an object, and is {got!r}"
        found = (difference(part, got.get(key), f"{path}.{key}") for key, part in expected.items())
        return next((one for one in found if one), None)
    if isinstance(expected, list):
        if not isinstance(got, list) or len(got) != len(expected):
            return f"{path} should have {len(expected)} values, and is {got!r}"
        left = list(got)
        for part in expected:
            met = next((one for one in left if difference(part, one, path) is None), None)
            if met is None:
                return f"{path} lacks {part!r} among {left!r}"
            left.remove(met)
        return None
    same = expected == got and type(expected) is type(got)
    return None if same else f"{path} should be {expected!r}, and is {got!r}"


@pytest.mark.parametrize("file", CONVERSATIONS, ids=lambda file: file.stem)
async def test_a_provider_is_understood_from_its_first_request_to_its_last(provider, file):
    conversation = json.loads(file.read_text())
    assert conversation["source"], "where are these requests documented?"
    known = {"base": f"https://scim.example.com/scim/v2/{provider.directory.id}"}

    for step in conversation["steps"]:
        assert step.keys() <= STEP, step["name"]
        headers = {**conversation.get("headers", {}), **step.get("headers", {})}
        raw = step["raw"].encode() if "raw" in step else None
        sent = filled(step.get("body"), known)
        answer = await provider(
            step["method"], filled(step["path"], known), sent, raw=raw, **headers
        )

        expect = filled(step["expect"], known)
        assert answer.status == expect["status"], (step["name"], answer)
        for name, value in expect.get("headers", {}).items():
            assert answer.headers.get(name) == value, (step["name"], name)
        if "body" in expect:
            found = difference(expect["body"], answer.body)
            assert found is None, f"{step['name']}: {found}"
        for name, path in step.get("save", {}).items():
            known[name] = answer.body[path]


@pytest.mark.parametrize("file", CONVERSATIONS, ids=lambda file: file.stem)
async def test_every_change_of_a_conversation_is_journaled(provider, file):
    """Each change has a journal row with its status, and reads have none."""
    conversation = json.loads(file.read_text())
    known = {"base": "https://scim.example.com"}
    expected = []

    for step in conversation["steps"]:
        headers = {**conversation.get("headers", {}), **step.get("headers", {})}
        raw = step["raw"].encode() if "raw" in step else None
        answer = await provider(
            step["method"],
            filled(step["path"], known),
            filled(step.get("body"), known),
            raw=raw,
            **headers,
        )
        if step["method"] not in ("GET", "HEAD") and "Authorization" not in headers:
            expected.append((step["method"], answer.status))
        known.update({name: answer.body[path] for name, path in step.get("save", {}).items()})

    rows = [(row["method"], row["status"]) for row in await provider.journal() if row["method"]]
    assert rows == expected


def test_a_conversation_that_is_not_met_is_noticed():
    assert difference({"a": 1}, {"a": 2}) and difference({"a": None}, {"a": 1})
    assert difference({"a": True}, {"a": "True"}) and difference({"a": 1}, {"a": True})
    assert difference([{"b": 1}], [{"b": 1}, {"b": 2}]) and difference({"a": "*"}, {"a": []})
    assert difference([{"b": 1}, {"b": 2}], [{"b": 2, "c": 3}, {"b": 1}]) is None
