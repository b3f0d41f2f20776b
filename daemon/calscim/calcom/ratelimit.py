"""What the X-RateLimit headers of an answer say, whatever the limits are named.

Cal.com sends ``X-RateLimit-Limit-<Name>``, ``-Remaining-<Name>`` and ``-Reset-<Name>`` (seconds) for every
limit a key has, and no Retry-After.
"""

from collections.abc import Mapping
from dataclasses import dataclass

BLOCKED = 60.0  # seconds Cal.com blocks a key for, where an answer does not say
LONGEST = 3600.0  # a reset further away than this is a moment or milliseconds, not seconds
_PREFIX = "x-ratelimit-"


@dataclass(frozen=True, slots=True)
class Allowance:
    """One limit as an answer shows it."""

    limit: int | None = None
    remaining: int | None = None
    reset_in: float | None = None


def allowances(headers: Mapping[str, str]) -> list[Allowance]:
    """Every limit that the headers name; what is not a number is left out."""
    named: dict[str, dict[str, float]] = {}
    for key, value in headers.items():
        lower = key.lower()
        if not lower.startswith(_PREFIX):
            continue
        what, _, name = lower.removeprefix(_PREFIX).partition("-")
        number = _number(value)
        if number is not None:
            named.setdefault(name, {})[what] = number
    return [_allowance(found) for found in named.values()]


def tightest(found: list[Allowance]) -> Allowance | None:
    """The limit with the fewest calls left; of equals, the one that lasts longest."""
    counted = [one for one in found if one.remaining is not None]
    return min(counted, key=lambda one: (one.remaining, -(one.reset_in or 0.0)), default=None)


def blocked_for(found: list[Allowance]) -> float:
    """Seconds that a refused key has to wait: until the last used-up limit resets."""
    used_up = [one for one in found if one.remaining in (0, None)] or found
    resets = [one.reset_in for one in used_up if one.reset_in is not None]
    return max(resets, default=BLOCKED)


def _allowance(found: Mapping[str, float]) -> Allowance:
    limit, remaining, reset = found.get("limit"), found.get("remaining"), found.get("reset")
    return Allowance(
        limit=None if limit is None else int(limit),
        remaining=None if remaining is None else int(remaining),
        reset_in=reset if reset is not None and reset <= LONGEST else None,
    )


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
