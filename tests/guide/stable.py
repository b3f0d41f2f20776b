"""What differs from one run to the next, made the same: one rule, a line for each kind of value.

A value keeps its length, so that columns stay where they are; one value has one stand-in throughout a case. Names
of this machine are replaced by what a real installation would show. What happened during
the case happened at ``NINE``; what is to come, as many minutes later as it lies in the future. Moments near ``NINE`` are
those that the frozen clock gave.
"""

import hashlib
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_HASH = re.compile(r"\b[0-9a-f]{16}\b")
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")


class Stable:
    """The stand-ins of one case. ``names``: text that is always replaced, and by what."""

    def __init__(self, names: dict[str, str], now: Callable[[], datetime]) -> None:
        self._names = names
        self._now = now
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        for name, stand_in in self._names.items():
            text = text.replace(name, stand_in)
        for pattern in (_UUID, _HASH):
            text = pattern.sub(lambda found: self._stand_in(found[0]), text)
        return _MOMENT.sub(lambda found: self._moment(found[0]), text)

    def _stand_in(self, value: str) -> str:
        if value not in self._known:
            digits = hashlib.sha256(str(len(self._known)).encode()).hexdigest()
            letters = iter(digits)
            self._known[value] = "".join("-" if one == "-" else next(letters) for one in value)
        return self._known[value]

    def _moment(self, text: str) -> str:
        moment = datetime.fromisoformat(text)
        if abs(moment - NINE) < timedelta(days=2):
            return text
        minutes = max(0, math.ceil((moment - self._now()).total_seconds() / 60))
        return f"{NINE + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}Z"
