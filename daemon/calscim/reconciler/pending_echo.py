"""What calscim changed a moment ago. A list that still shows what was there before is a lagging replica's.

Kept for the settle time and in memory only: without it a change is made once more, which does no harm.
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
    """``now``: seconds that only grow; ``seconds``: how long a change is remembered."""

    now: Callable[[], float]
    seconds: float = 0.0
    _changes: dict[Hashable, _Change] = field(default_factory=dict)

    def changed(self, key: Hashable, before: Value, after: Value) -> None:
        """``key`` had one value and has another now. What it had before that may be shown as well."""
        now = self.now()
        self._changes = {one: change for one, change in self._changes.items() if change.until > now}
        if before == after:
            return
        earlier = self._changes.get(key)
        seen = {before} if earlier is None else {before, *earlier.before}
        self._changes[key] = _Change(seen - {after}, after, now + self.seconds)

    def current_value(self, key: Hashable, shown: Value) -> Value:
        """What is there, given what a list shows. A value that never was before is somebody else's change."""
        change = self._changes.get(key)
        if change is None or shown not in change.before or self.now() >= change.until:
            return shown
        after: Value = change.after
        return after
