"""Maintenance windows: times of the week in which Cal.com is left alone.

A window belongs to the day on which it begins, and goes over midnight when it ends no later than it begins.
Where a clock is set forward or back, in doubt the window is longer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = 24 * 60  # minutes
_NEAR = (-2, -1, 0, 1)  # days whose window may be open, wherever on earth
_WEEK = range(-2, 10)
_MOST = timedelta(days=8)  # windows that follow each other without a gap are looked at so far


@dataclass(frozen=True, slots=True)
class Window:
    """``begins`` and ``ends`` in minutes of the zone's day; ``days``: 0 is Monday; ``text``: as written."""

    days: frozenset[int]
    begins: int
    ends: int
    zone: tzinfo
    text: str = ""

    def span(self, day: date) -> tuple[datetime, datetime]:
        """From when, and until when not any more, the window of that day is open; in UTC."""
        over = 1 if self.ends <= self.begins else 0
        first = self._moments(day, self.begins)
        last = self._moments(day + timedelta(days=over), self.ends)
        return min(first), max(last)

    def spans(self, now: datetime, days: Iterable[int]) -> Iterator[tuple[datetime, datetime]]:
        """Those of so many days before and after the zone's today."""
        today = now.astimezone(self.zone).date()
        for offset in days:
            day = today + timedelta(days=offset)
            if day.weekday() in self.days:
                yield self.span(day)

    def _moments(self, day: date, minute: int) -> list[datetime]:
        """Both readings of a clock: one where it shows the hour once, two where it shows it twice or never."""
        day += timedelta(days=minute // DAY)
        clock = time(minute % DAY // 60, minute % 60)
        wall = datetime.combine(day, clock, self.zone)
        return [wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]


def opened(windows: Sequence[Window], now: datetime) -> Window | None:
    """The window that is open, if one is."""
    for window in windows:
        if any(begins <= now < ends for begins, ends in window.spans(now, _NEAR)):
            return window
    return None


def closes(windows: Sequence[Window], now: datetime) -> datetime | None:
    """When no window will be open any more, in UTC; None when none is open now."""
    moment = now
    while moment - now < _MOST:
        open_now = [
            ends
            for window in windows
            for begins, ends in window.spans(moment, _NEAR)
            if begins <= moment < ends
        ]
        if not open_now:
            break
        moment = max(open_now)
    return None if moment == now else moment


def opens(windows: Sequence[Window], now: datetime) -> datetime | None:
    """When the next window begins, in UTC; None without windows."""
    coming = (
        begins
        for window in windows
        for begins, ends in window.spans(now, _WEEK)
        if begins > now and begins < ends
    )
    return min(coming, default=None)
