"""Recorded facts about a real Cal.com API v2, and the comparison of a response with them.

``$name`` in a fact stands for an id that the simulation chooses: the first answer that shows it binds
it, and later paths, bodies and answers use the bound value. ``$moment`` stands for any time. An object
with ``as`` has, besides its own fields, those of the shape of that name.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "calcom" / "facts"
_NAME = re.compile(r"\$[a-z0-9]+(?:-[a-z0-9]+)*")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def without_numbers(error: Any) -> Any:
    """Return the error with # for each number in its messages. The violated constraints stay."""
    changed = {**error, "message": re.sub(r"\d+", "#", error["message"])}
    if isinstance(changed.get("details"), dict) and "message" in changed["details"]:
        changed["details"] = without_numbers(changed["details"])
    return changed


@dataclass
class Names:
    """The values that the names stand for so far."""

    shapes: dict[str, Any] = field(default_factory=dict)
    bound: dict[str, Any] = field(default_factory=dict)

    def fill(self, fact: Any) -> Any:
        """Return the fact with every name replaced. Raise KeyError for a name without a value."""
        if isinstance(fact, dict):
            return {key: self.fill(value) for key, value in fact.items()}
        if isinstance(fact, list):
            return [self.fill(value) for value in fact]
        if not isinstance(fact, str):
            return fact
        if _NAME.fullmatch(fact):
            return self.bound[fact]
        return _NAME.sub(lambda found: str(self.bound[found[0]]), fact)

    def difference(self, fact: Any, found: Any, where: str = "data") -> str | None:
        """Return the difference, or None. New names get the found values."""
        if isinstance(fact, dict):
            return self._of_objects(fact, found, where)
        if isinstance(fact, list):
            return self._of_lists(fact, found, where)
        if isinstance(fact, str) and _NAME.search(fact):
            return self._of_names(fact, found, where)
        same = type(fact) is type(found) and fact == found
        return None if same else f"{where}: {found!r} instead of {fact!r}"

    def from_recorded(self, call: Any, status: int, body: Any) -> str | None:
        """Return how a response differs from the recorded one in status, error and known data, or None."""
        if status != call["status"]:
            return f"{status} {body} instead of {call['status']}"
        if "plain" in call:
            return self.difference(call["plain"], body, "body")
        if "code" in call:
            return self.difference(_refusal(call), without_numbers(body["error"]), "error")
        if "shows" in call:
            shown = {key: body["data"].get(key) for key in call["shows"]}
            return self.difference(call["shows"], shown)
        if "data" in call:
            return self.difference({"status": "success", "data": call["data"]}, body, "body")
        return None

    def _of_names(self, fact: str, found: Any, where: str) -> str | None:
        if fact == "$moment":
            same = isinstance(found, str) and _MOMENT.fullmatch(found)
        elif _NAME.fullmatch(fact):
            same = self.bound.setdefault(fact, found) == found and found is not None
        else:
            same = self.fill(fact) == found
        return None if same else f"{where}: {found!r} instead of {fact} {self.bound.get(fact)}"

    def _of_objects(self, fact: dict[str, Any], found: Any, where: str) -> str | None:
        fact = {**self.shapes.get(fact.get("as"), {}), **fact}
        fact.pop("as", None)
        if not isinstance(found, dict) or fact.keys() != found.keys():
            keys = sorted(found) if isinstance(found, dict) else found
            return f"{where} has {keys} instead of {sorted(fact)}"
        differences = (
            self.difference(value, found[key], f"{where}.{key}") for key, value in fact.items()
        )
        return next((one for one in differences if one), None)

    def _of_lists(self, fact: list[Any], found: Any, where: str) -> str | None:
        """Compare lists without regard to order: each row of the fact matches the first equal row."""
        if not isinstance(found, list) or len(fact) != len(found):
            return f"{where}: {found!r} instead of {len(fact)} rows"
        left = list(found)
        for row in fact:
            taken = next((one for one in left if self._is_like(row, one)), None)
            if taken is None:
                return f"{where}: no row like {row} in {left}"
            self.difference(row, taken)
            left.remove(taken)
        return None

    def _is_like(self, fact: Any, found: Any) -> bool:
        return Names(self.shapes, dict(self.bound)).difference(fact, found) is None


def _refusal(call: Any) -> Any:
    """Return the error of a recorded call. The details repeat the message, except those of a validation."""
    error: dict[str, Any] = {"code": call["code"], "message": call["message"]}
    if "phrase" in call:
        error["details"] = {
            "message": call["message"],
            "error": call["phrase"],
            "statusCode": call["status"],
        }
    if "details" in call:
        error["details"] = call["details"]
    if "invalid" in call:
        error["details"] = {"errors": [{"children": [], **one} for one in call["invalid"]]}
    return error
