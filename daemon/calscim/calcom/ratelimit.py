"""What the X-RateLimit headers of an answer say, whatever the limits are named.

Cal.com sends ``X-RateLimit-Limit-<Name>``, ``-Remaining-<Name>`` and ``-Reset-<Name>`` (seconds) for every
limit a key has, and no Retry-After.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from calscim.calcom.rate_budget import WINDOW

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


def binding(found: list[Allowance]) -> Allowance | None:
    """Return the limit that decides how many calls are left: the one with the most.

    Cal.com lets a call through while any limit of the key has calls left, even if another limit is used up
    (recorded with a limit of 5 calls in 10 seconds beside one of 100,000 a day), and answers 429 when all
    are used up. Pacing for a limit that does not bind wastes its whole window; pacing too fast costs a single
    429, which names the time to wait. When no limit has calls left, the first to reset decides.

    The end of a window longer than a minute is left out while calls are left: the budget counts calls by the
    minute, and would spread one minute's calls over the whole window.
    """
    counted = [one for one in found if one.remaining is not None]
    if not counted:
        return None
    most = max(counted, key=lambda one: (one.remaining, -_wait(one)))
    return most if not most.remaining or _wait(most) <= WINDOW else replace(most, reset_in=None)


def blocked_for(found: list[Allowance]) -> float:
    """Return how many seconds a refused key has to wait: until the first used-up limit resets.

    Cal.com answers 429 only when all limits of a key are used up, so one that resets lets calls through again.
    """
    used_up = [one for one in found if one.remaining in (0, None)] or found
    resets = [one.reset_in for one in used_up if one.reset_in is not None]
    return min(resets, default=BLOCKED)


def _wait(one: Allowance) -> float:
    return float("inf") if one.reset_in is None else one.reset_in


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
