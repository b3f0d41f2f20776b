"""The cost of PATCH operations, computed before the first of them is applied.

An operation compares every value of its attribute, once for each comparison of its filter, and a comparison of longer
texts takes longer. So the cost is comparisons x (values + their bytes / COMPARED_BYTES). A unit takes 1 to 20
microseconds, 20 for texts beyond ASCII. All operations of one request share one budget, also those of a bulk request.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from scim2_models.path import ValuePath

from calscim.errors import ScimError
from calscim.scim.filter.parse import count_comparisons, parse_path
from calscim.scim.patch.operations import Operation
from calscim.scim.schema import Type, is_unknown_extension

# 250 operations with one comparison each on 100 values of 40 characters cost 90,000. For 100,000 units, the thread of
# calscim.scim.compute_thread takes 0.1 to 2 s, while the event loop continues.
MAX_COST = 100_000
# A PATCH of up to this cost runs on the event loop: it takes at most 40 ms.
INLINE_COST = 2_000
_ALIASES = {"email": "emails", "givenname": "name", "familyname": "name"}
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
        if cost > MAX_COST:  # the others need not be parsed
            break
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
        comparisons = _comparisons(path) + _values_without_key(value)
        key = self._key(_without_filter(path))
        values, size = self._values.get(key, 0), self._bytes.get(key, 0)
        if comparisons:
            return comparisons * (values + size // COMPARED_BYTES) + 1
        return values + (size // SKIPPED_BYTES if key == "urn:" else 0) + 1


def _comparisons(path: str) -> int:
    if "[" not in path:
        return 0
    try:
        node = parse_path(path)
    except ScimError:
        return 0  # the operation itself will be refused
    return count_comparisons(node.val_filter) if isinstance(node, ValuePath) else 0


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
