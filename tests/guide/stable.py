"""Replace values that differ between runs (ids, hashes, times, names of this machine) with fixed stand-ins.

A stand-in has the length of its value, so that columns stay aligned. A value has the same stand-in throughout a case.
Times in the past become ``NINE``. Times in the future become as many minutes after ``NINE`` as they are ahead of now.
Times near ``NINE`` come from the frozen clock and stay.
"""

import hashlib
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_HASH = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})\b")
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")


class Stable:
    """The stand-ins of one case. ``names``: fixed replacements, by the text that they replace."""

    def __init__(self, names: dict[str, str], now: Callable[[], datetime]) -> None:
        self._names = names
        self._now = now
        self._stand_ins: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        for name, stand_in in self._names.items():
            text = text.replace(name, stand_in)
        for pattern in (_UUID, _HASH):
            text = pattern.sub(lambda found: self._stand_in(found[0]), text)
        return _MOMENT.sub(lambda found: self._moment(found[0]), text)

    def _stand_in(self, value: str) -> str:
        if value not in self._stand_ins:
            digits = hashlib.sha256(str(len(self._stand_ins)).encode()).hexdigest()
            letters = iter(digits)
            self._stand_ins[value] = "".join(
                "-" if character == "-" else next(letters) for character in value
            )
        return self._stand_ins[value]

    def _moment(self, text: str) -> str:
        moment = datetime.fromisoformat(text)
        if abs(moment - NINE) < timedelta(days=2):
            return text
        minutes = max(0, math.ceil((moment - self._now()).total_seconds() / 60))
        return f"{NINE + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}Z"
