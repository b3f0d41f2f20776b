"""Suites in the format of Runscope as Postman collections, and their run by newman."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from tests.conformance.npm.oracle import MODULES

Json = dict[str, Any]

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
# Values are compared as texts, as Runscope does.
_TEXT = 'const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));'
_CHECKS = {
    "equal_number": "pm.expect(Number(found)).to.equal(Number(wanted))",
    "equal": "pm.expect(text(found)).to.equal(text(wanted))",
    "not_empty": "pm.expect(_.isNil(found) || found === '' || _.isEqual(found, [])).to.equal(false)",
    "is_a_number": "pm.expect(found).to.be.a('number')",
    "has_value": "pm.expect(text(found)).to.include(wanted)",
    "contains": "pm.expect(text(found)).to.include(wanted)",
    "does_not_contain": "pm.expect(text(found)).to.not.include(wanted)",
}


def collection(suite: Json) -> Json:
    """Return the Postman collection of a suite. Each request has the note of its step as its name."""
    items = [_item(step) for step in suite["steps"] if step["step_type"] == "request"]
    return {"info": {"name": suite["name"], "schema": SCHEMA}, "item": items}


def _item(step: Json) -> Json:
    request = {
        "method": step["method"],
        "header": [{"key": name, "value": value} for name, value in step["headers"].items()],
        "url": step["url"],
    }
    if "body" in step:
        request["body"] = {"mode": "raw", "raw": step["body"]}
    script = [_TEXT, *map(_test, step["assertions"]), *map(_keep, step.get("variables", ()))]
    event = {"listen": "test", "script": {"type": "text/javascript", "exec": script}}
    return {"name": step["note"], "request": request, "event": [event]}


def _test(assertion: Json) -> str:
    name = assertion.get("property") or assertion["source"]
    wanted = json.dumps(assertion.get("value"))
    if isinstance(assertion.get("value"), str):
        wanted = f"pm.variables.replaceIn({wanted})"
    found = {
        "response_status": "pm.response.code",
        "response_time": "pm.response.responseTime",
    }.get(assertion["source"], _part(assertion.get("property")))
    check = _CHECKS[assertion["comparison"]]
    return f"pm.test({json.dumps(name)}, () => {{ const found = {found}, wanted = {wanted}; {check}; }});"


def _part(path: str | None) -> str:
    return f"_.get(pm.response.json(), {json.dumps(path)})" if path else "pm.response.json()"


def _keep(variable: Json) -> str:
    name, value = json.dumps(variable["name"]), _part(variable["property"])
    return f"pm.collectionVariables.set({name}, pm.response.code < 300 ? {value} : undefined);"


async def run(suite: Json, variables: dict[str, str], folder: Path) -> tuple[int, set[str]]:
    """Run the collection of a suite, and return the number of its assertions and the requests whose do not hold."""
    assert MODULES is not None, "the test has the mark `needed`"
    file, report = folder / "collection.json", folder / "report.json"
    file.write_text(json.dumps(collection(suite)))
    given = [part for pair in variables.items() for part in ("--env-var", "=".join(pair))]
    process = await asyncio.create_subprocess_exec(
        str(MODULES / ".bin" / "newman"), "run", str(file), *given,
        "--reporters", "json", "--reporter-json-export", str(report),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )  # fmt: skip
    output, _ = await process.communicate()
    assert report.exists(), output.decode()
    result = json.loads(report.read_text())["run"]
    failed = {failure["source"]["name"] for failure in result["failures"]}
    return result["stats"]["assertions"]["total"], failed
