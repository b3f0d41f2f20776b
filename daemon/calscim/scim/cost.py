"""What the operations of PATCH requests cost, known before the first of them is done.

An operation looks at every value of the attribute that it names, as often as its filter has comparisons. A comparison
takes longer the longer the texts are. So the cost is comparisons x (values + their bytes / BYTES): a unit takes 1 to
20 microseconds, the latter for texts beyond ASCII. All operations of one request, in bulk too, share one budget.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from scim2_models.path import ValuePath

from calscim.errors import ScimError
from calscim.scim.filter.parse import count, parse_path
from calscim.scim.patch.apply import Operation
from calscim.scim.schema import Type, is_foreign

# 250 operations with one comparison each on 100 values of 40 characters cost 90,000. The thread of calscim.scim.heavy
# needs 0.1 to 2 s for 100,000 units, in which the event loop goes on.
MOST = 100_000
# Up to here a PATCH is done at once: at most 40 ms.
INLINE = 2_000
_ALIASES = {"email": "emails", "givenname": "name", "familyname": "name"}
BYTES = 16  # of a text that is compared in the time that comparing costs anyway
# An operation without a filter goes through values that it does not compare.
PASSED_BY = 64  # bytes of an unknown extension that are passed by in the time of a comparison


@dataclass(slots=True)
class Budget:
    """What one request may still cost."""

    left: int = field(default=MOST)

    def spend(self, cost: int) -> None:
        """ScimError 400 tooMany once the operations so far cost more than MOST."""
        self.left -= cost
        if self.left < 0:
            raise ScimError(
                400,
                "these operations compare too many values: send fewer of them in one request, "
                "or name fewer values in each filter",
                "tooMany",
            )


def of_patch(kind: Type, resource: dict[str, Any], operations: Iterable[Operation]) -> int:
    """The cost of operations on a resource, at least 1 for each of its values and of theirs."""
    targets = [
        target
        for operation in operations
        for target in _targets(kind, operation.path, operation.value)
    ]
    sizes = _Sizes(resource, targets)
    cost = 0
    for path, value in targets:
        cost += sizes.cost_of(path, value)
        if cost > MOST:  # what follows need not be parsed
            break
    return cost


def _targets(kind: Type, path: str | None, value: Any) -> Iterator[tuple[str, Any]]:
    """Each path that is changed: without one, or with the core schema's URN, the names in the value."""
    if path is not None and path.lower() != kind.urn.lower():
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _targets(kind, name, part)


class _Sizes:
    """How much there is of each attribute, with all that the request may add to it."""

    def __init__(self, resource: dict[str, Any], targets: list[tuple[str, Any]]) -> None:
        self._values: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        for name, value in resource.items():
            self._add(name, value)
        for path, value in targets:
            self._add(_name(path), value)

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
        """Unknown extensions are looked for among each other: they count together."""
        return "urn:" if is_foreign(name) else _short(name)

    def cost_of(self, path: str, value: Any) -> int:
        comparisons = _comparisons(path) + _compared_whole(value)
        key = self._key(_name(path))
        values, size = self._values.get(key, 0), self._bytes.get(key, 0)
        if comparisons:
            return comparisons * (values + size // BYTES) + 1
        return values + (size // PASSED_BY if key == "urn:" else 0) + 1


def _comparisons(path: str) -> int:
    if "[" not in path:
        return 0
    try:
        node = parse_path(path)
    except ScimError:
        return 0  # it is refused when it is performed
    return count(node.val_filter) if isinstance(node, ValuePath) else 0


def _compared_whole(value: Any) -> int:
    """How many values have no "value": they are compared with every other by all that they have."""
    if not isinstance(value, list):
        return 0
    return sum(isinstance(one, dict) and "value" not in one for one in value)


def _name(path: str) -> str:
    return path.partition("[")[0]


def _short(name: str) -> str:
    """The attribute of a path, in lower case, without URN and sub-attribute."""
    low = name.lower()
    if low.startswith("urn:"):
        low = low.rpartition(":")[2]
    name = low.partition(".")[0]
    return _ALIASES.get(name, name)
