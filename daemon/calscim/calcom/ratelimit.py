"""The X-RateLimit headers of a response, whatever the names of the limits are, and Retry-After.

Cal.com sends ``X-RateLimit-Limit-<Name>``, ``-Remaining-<Name>`` and ``-Reset-<Name>`` (seconds) for every limit of a
key, and no Retry-After. A proxy in front of Cal.com may send Retry-After (RFC 9110 section 10.2.3) instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from calscim.calcom.rate_budget import WINDOW

DEFAULT_BLOCK = 60.0  # seconds that Cal.com blocks a key if the response does not say
MIN_BLOCK = 1.0  # seconds between a refusal and the next call, whatever the response says
MAX_RESET = 3600.0  # seconds; a larger number is a timestamp or milliseconds
_PREFIX = "x-ratelimit-"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One limit, as a response shows it."""

    limit: int | None = None
    remaining: int | None = None
    reset_in: float | None = None


def parse_rate_limits(headers: Mapping[str, str]) -> list[RateLimit]:
    """Return every limit that the headers name. A value that is not a number is ignored."""
    named: dict[str, dict[str, float]] = {}
    for key, value in headers.items():
        lower = key.lower()
        if not lower.startswith(_PREFIX):
            continue
        what, _, name = lower.removeprefix(_PREFIX).partition("-")
        number = _number(value)
        if number is not None:
            named.setdefault(name, {})[what] = number
    return [_rate_limit(found) for found in named.values()]


def binding_limit(found: list[RateLimit]) -> RateLimit | None:
    """Return the limit that determines how many calls are left: the one with the most calls left.

    Cal.com accepts a call while any limit of the key has calls left, even if another limit is used up (recorded with
    5 calls in 10 seconds beside 100,000 a day), and returns 429 when all limits are used up. Observing a limit that
    does not bind would waste a whole window. Calling too fast costs a single 429, which names the time to wait. When
    no limit has calls left, the first to reset decides.

    The end of a window longer than a minute is left out while calls are left: the budget counts calls per minute, and
    would spread the calls of one minute over the whole window.
    """
    counted = [limit for limit in found if limit.remaining is not None]
    if not counted:
        return None
    most = max(counted, key=lambda limit: (limit.remaining, -_wait(limit)))
    return most if not most.remaining or _wait(most) <= WINDOW else replace(most, reset_in=None)


def seconds_blocked(found: list[RateLimit]) -> float:
    """Return the seconds that a refused key has to wait, which is until the first used-up limit resets.

    Cal.com returns 429 only when all limits of a key are used up, so it accepts calls again once one limit resets.
    """
    used_up = [limit for limit in found if limit.remaining in (0, None)] or found
    resets = [limit.reset_in for limit in used_up if limit.reset_in is not None]
    return max(MIN_BLOCK, min(resets, default=DEFAULT_BLOCK))


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, at most MAX_RESET, or None without a usable value.

    A date is compared with the Date of the same response, so that clocks need not agree.
    """
    value = headers.get("Retry-After", "")
    seconds = _number(value)
    if seconds is None:
        until, sent = _date(value), _date(headers.get("Date", ""))
        if until is None or sent is None:
            return None
        seconds = (until - sent).total_seconds()
    return min(max(seconds, MIN_BLOCK), MAX_RESET)


def _wait(limit: RateLimit) -> float:
    return float("inf") if limit.reset_in is None else limit.reset_in


def _rate_limit(found: Mapping[str, float]) -> RateLimit:
    limit, remaining, reset = found.get("limit"), found.get("remaining"), found.get("reset")
    return RateLimit(
        limit=None if limit is None else int(limit),
        remaining=None if remaining is None else int(remaining),
        reset_in=reset if reset is not None and reset <= MAX_RESET else None,
    )


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _date(value: str) -> datetime | None:
    """Return an HTTP date, or None for anything else. A date without a zone is in UTC (RFC 9110 section 5.6.7)."""
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
