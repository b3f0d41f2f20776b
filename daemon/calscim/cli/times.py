"""Reads durations and times from the command line. Every option that takes one uses these functions."""

import argparse
from datetime import UTC, datetime, timedelta

from calscim.clock import SystemClock
from calscim.option_types import duration, positive_duration

TIME_HELP = (
    "1h or 7d (that long ago), now, today, yesterday, 2026-03-01, or 2026-03-01T08:30Z "
    "(UTC without a zone)"
)
_DAYS_AGO = {"today": 0, "yesterday": 1}


def a_duration(text: str) -> float:
    """Read an argument such as 2h, in seconds."""
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def a_positive_duration(text: str) -> float:
    """Read an argument such as 2s, in seconds; zero is refused."""
    try:
        return positive_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def a_moment(text: str) -> datetime:
    """Read an argument such as 1h, yesterday or 2026-03-01T08:30Z."""
    return moment_of(text, SystemClock().now())


def moment_of(text: str, now: datetime) -> datetime:
    """Return the time that a text means at ``now``. A duration is that long ago; a day begins at midnight UTC."""
    written = text.strip().lower()
    if written == "now":
        return now
    if written in _DAYS_AGO:
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=_DAYS_AGO[written])
    try:
        return now - timedelta(seconds=duration(written.removesuffix("ago")))
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        message = f"{text!r} is not a time: write {TIME_HELP}"
        raise argparse.ArgumentTypeError(message) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
