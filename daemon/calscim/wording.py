"""Numbers and times in sentences that people read."""

from datetime import UTC, datetime


def moment(value: datetime) -> str:
    """Return the time in UTC, to the second."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 change``, ``2 changes``; with a plural, ``2 people``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
