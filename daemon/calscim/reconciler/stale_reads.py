"""Recognizes lists of a lagging replica, which still show a value from before a change by calscim.

The changes are kept in memory for the stale read window. If they are lost, calscim makes a change once more, which is
idempotent.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Value = TypeVar("Value", bound=Hashable)


@dataclass(slots=True)
class _Change:
    before: set[Any]
    after: Any
    until: float


@dataclass(slots=True)
class StaleReadFilter:
    """Remembers each change for ``seconds``. ``now``: a monotonic clock."""

    now: Callable[[], float]
    seconds: float = 0.0
    _changes: dict[Hashable, _Change] = field(default_factory=dict)

    def record_change(self, key: Hashable, before: Value, after: Value) -> None:
        """Record that ``key`` changed its value. Earlier values may still be shown as well."""
        now = self.now()
        self._changes = {one: change for one, change in self._changes.items() if change.until > now}
        if before == after:
            return
        earlier = self._changes.get(key)
        seen = {before} if earlier is None else {before, *earlier.before}
        self._changes[key] = _Change(seen - {after}, after, now + self.seconds)

    def current_value(self, key: Hashable, shown: Value) -> Value:
        """Return the value that Cal.com has, given the value that a list shows. An unknown value is a new change."""
        change = self._changes.get(key)
        if change is None or shown not in change.before or self.now() >= change.until:
            return shown
        after: Value = change.after
        return after
