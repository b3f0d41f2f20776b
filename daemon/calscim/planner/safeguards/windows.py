"""Maintenance windows: times of the week in which calscim changes nothing in Cal.com.

A window belongs to the day on which it begins. It crosses midnight if its end is not later than its beginning. On
days when the clock changes, ambiguous times make the window longer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = 24 * 60  # minutes
_NEAR = (-2, -1, 0, 1)  # days whose window may be open, in any time zone
_WEEK = range(-2, 10)
_MOST = timedelta(days=8)  # how many windows without a gap between them are followed


@dataclass(frozen=True, slots=True)
class Window:
    """A window. ``begins`` and ``ends`` are minutes of the local day; ``days``: 0 is Monday; ``text``: as written."""

    days: frozenset[int]
    begins: int
    ends: int
    zone: tzinfo
    text: str = ""

    def span(self, day: date) -> tuple[datetime, datetime]:
        """Return the beginning and the end (exclusive) of the window of that day, in UTC."""
        over = 1 if self.ends <= self.begins else 0
        first = self._moments(day, self.begins)
        last = self._moments(day + timedelta(days=over), self.ends)
        return min(first), max(last)

    def spans(self, now: datetime, days: Iterable[int]) -> Iterator[tuple[datetime, datetime]]:
        """Return the windows of the given number of days before and after the current local day."""
        today = now.astimezone(self.zone).date()
        for offset in days:
            day = today + timedelta(days=offset)
            if day.weekday() in self.days:
                yield self.span(day)

    def _moments(self, day: date, minute: int) -> list[datetime]:
        """Return both readings of a local time: equal, unless the clock shows the time twice or never."""
        day += timedelta(days=minute // DAY)
        clock = time(minute % DAY // 60, minute % 60)
        wall = datetime.combine(day, clock, self.zone)
        return [wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]


def find_open_window(windows: Sequence[Window], now: datetime) -> Window | None:
    """Return the open window, or None."""
    for window in windows:
        if any(begins <= now < ends for begins, ends in window.spans(now, _NEAR)):
            return window
    return None


def next_close(windows: Sequence[Window], now: datetime) -> datetime | None:
    """Return when the last of the adjoining windows ends, in UTC; None if no window is open."""
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


def next_open(windows: Sequence[Window], now: datetime) -> datetime | None:
    """Return when the next window begins, in UTC; None without windows."""
    coming = (
        begins
        for window in windows
        for begins, ends in window.spans(now, _WEEK)
        if begins > now and begins < ends
    )
    return min(coming, default=None)
