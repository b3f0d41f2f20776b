"""The cost of PATCH operations, computed before the first of them is applied.

An operation compares every value of its attribute, once for each comparison of its filter, and a comparison of longer
texts takes longer. So the cost is comparisons x (PARSING + values + their bytes / COMPARED_BYTES). A unit takes 1 to 20
microseconds, 20 for texts beyond ASCII. All operations of one request share one budget, also those of a bulk request.
The members of a group are sets in Postgres: an operation on them compares nothing, whatever their number.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from calscim.errors import ScimError
from calscim.scim.patch.members import is_members_path
from calscim.scim.patch.operations import Operation
from calscim.scim.schema import Type, is_unknown_extension

# 250 operations with one comparison each on 100 values of 40 characters cost 90,000. For 100,000 units, the thread of
# calscim.scim.compute_thread takes 0.1 to 2 s, while the event loop continues.
MAX_COST = 100_000
PARSING = 10  # a comparison in brackets: its text takes 0.1 to 0.2 ms to parse
# A PATCH of up to this cost runs on the event loop: it takes at most 40 ms.
INLINE_COST = 2_000
_ALIASES = {"email": "emails", "givenname": "name", "familyname": "name"}
# A text in quotes, or what joins two comparisons. The quotes need not end, so that each character is read once.
_JOINS = re.compile(r'"(?:[^"\\]|\\.)*"?|\b(and|or)\b', re.IGNORECASE)
COMPARED_BYTES = 16  # of a text, which take as long as the rest of a comparison
# An operation without a filter skips values and does not compare them.
SKIPPED_BYTES = 64  # of an unknown extension, which take as long as a comparison


@dataclass(slots=True)
class Budget:
    """The cost that the operations of one request may still have."""

    left: int = field(default=MAX_COST)

    def spend(self, cost: int) -> None:
        """Raise ScimError(400, tooMany) if the operations so far cost more than MAX_COST."""
        self.left -= cost
        if self.left < 0:
            raise ScimError(
                400,
                "these operations compare too many values: send fewer of them in one request, "
                "or name fewer values in each filter",
                "tooMany",
            )


def patch_cost(kind: Type, resource: dict[str, Any], operations: Iterable[Operation]) -> int:
    """Return the cost of operations on a resource: at least 1 for each value of the resource and of the operations."""
    targets = [
        target
        for operation in operations
        for target in _targets(kind, operation.path, operation.value)
    ]
    sizes = _Sizes(resource, targets)
    cost = 0
    for path, value in targets:
        cost += sizes.cost_of(path, value)
    return cost


def _targets(kind: Type, path: str | None, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each changed path and its value. Without a path, or with the core schema's URN, the keys are paths."""
    if path is not None and path.lower() != kind.urn.lower():
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _targets(kind, name, part)


class _Sizes:
    """The number of values and bytes of each attribute, with all that the request may add."""

    def __init__(self, resource: dict[str, Any], targets: list[tuple[str, Any]]) -> None:
        self._values: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        for name, value in resource.items():
            self._add(name, value)
        for path, value in targets:
            if not is_members_path(path):
                self._add(_without_filter(path), value)

    def _add(self, name: str, value: Any) -> None:
        if value is None:
            return
        key = self._key(name)
        self._values[key] = self._values.get(key, 0) + (
            len(value) if isinstance(value, list | dict) else 1
        )
        if isinstance(value, list | dict) and value:
            self._bytes[key] = self._bytes.get(key, 0) + len(orjson.dumps(value))
        elif isinstance(value, str):
            self._bytes[key] = self._bytes.get(key, 0) + len(value)

    def _key(self, name: str) -> str:
        """Return the attribute that a name counts for. Unknown extensions are searched, and so counted, together."""
        return "urn:" if is_unknown_extension(name) else _short_name(name)

    def cost_of(self, path: str, value: Any) -> int:
        parsed = _comparisons(path)
        if is_members_path(path):
            return parsed * PARSING + 1
        comparisons = parsed + _values_without_key(value)
        key = self._key(_without_filter(path))
        values, size = self._values.get(key, 0), self._bytes.get(key, 0)
        if comparisons:
            return parsed * PARSING + comparisons * (values + size // COMPARED_BYTES) + 1
        return values + (size // SKIPPED_BYTES if key == "urn:" else 0) + 1


def _comparisons(path: str) -> int:
    """Return at least the number of comparisons in the brackets of a path, which is not parsed for it."""
    if "[" not in path:
        return 0
    return 1 + sum(map(bool, _JOINS.findall(path)))


def _values_without_key(value: Any) -> int:
    """Return the number of values without "value". Each is compared with every stored value, part by part."""
    if not isinstance(value, list):
        return 0
    return sum(isinstance(entry, dict) and "value" not in entry for entry in value)


def _without_filter(path: str) -> str:
    return path.partition("[")[0]


def _short_name(name: str) -> str:
    """Return the attribute of a path, in lower case, without URN and sub-attribute."""
    low = name.lower()
    if low.startswith("urn:"):
        low = low.rpartition(":")[2]
    name = low.partition(".")[0]
    return _ALIASES.get(name, name)
