"""Maintenance windows: over midnight, in every time zone, and when clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calscim.planner.safeguards.windows import DAY, Window, find_open_window, next_close, next_open

BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY_NIGHT = Window(frozenset({5}), 22 * 60, 6 * 60, BERLIN, "Sat 22:00-06:00 Europe/Berlin")
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/St_Johns",
        "Australia/Lord_Howe",  # half an hour of summer time
        "Pacific/Apia",  # skipped a whole day in 2011
        "Asia/Kathmandu",
    )
]

EPOCH = datetime(2009, 1, 1, tzinfo=UTC)
moments = st.integers(0, 28 * 366 * 86400).map(lambda seconds: EPOCH + timedelta(seconds=seconds))
windows = st.builds(
    Window,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, DAY - 1),
    st.integers(0, DAY),
    st.sampled_from(ZONES),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def is_open(window: Window, text: str) -> bool:
    return find_open_window([window], at(text)) is not None


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-21T21:59:59+01:00", False),
        ("2026-11-21T22:00:00+01:00", True),
        ("2026-11-22T05:59:59+01:00", True),
        ("2026-11-22T06:00:00+01:00", False),
        ("2026-11-22T23:00:00+01:00", False),  # Sunday
        ("2026-11-21T01:00:00+01:00", False),  # Friday's night is not Saturday's
        ("2026-07-18T20:00:00+00:00", True),  # summer time: two hours before UTC
        ("2026-07-18T19:59:00+00:00", False),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_begins_on(moment, expected):
    assert is_open(SATURDAY_NIGHT, moment) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-10-25T00:30:00+00:00", True),  # 02:30 for the first time
        ("2026-10-25T01:30:00+00:00", True),  # 02:30 again
        ("2026-10-25T02:00:00+00:00", False),  # 03:00
        ("2026-10-24T23:59:00+00:00", False),  # 01:59
    ],
)
def test_an_hour_that_comes_twice_is_in_the_window_twice(moment, expected):
    window = Window(frozenset(range(7)), 2 * 60, 3 * 60, BERLIN)

    assert is_open(window, moment) is expected


def test_an_hour_that_is_left_out_does_not_lose_the_rest_of_the_window():
    window = Window(frozenset(range(7)), 2 * 60 + 30, 4 * 60, BERLIN)

    assert is_open(window, "2026-03-29T03:15:00+02:00")
    assert is_open(window, "2026-03-29T03:59:00+02:00")
    assert not is_open(window, "2026-03-29T04:00:00+02:00")


@given(windows, moments)
def test_whenever_a_clock_on_the_wall_shows_a_time_of_the_window_it_is_open(window, moment):
    wall = moment.astimezone(window.zone)
    minute = wall.hour * 60 + wall.minute
    over = window.ends <= window.begins
    today = wall.weekday() in window.days and (
        minute >= window.begins and (over or minute < window.ends)
    )
    yesterday = (wall.weekday() - 1) % 7 in window.days and over and minute < window.ends

    if today or yesterday:
        assert find_open_window([window], moment) is window
    elif _is_plain(window, moment):
        assert find_open_window([window], moment) is None


def _is_plain(window: Window, moment: datetime) -> bool:
    """Return True if no clock changed within two days of the moment."""
    offsets = {
        (moment + timedelta(hours=hours)).astimezone(window.zone).utcoffset()
        for hours in range(-50, 51)
    }
    return len(offsets) == 1


@given(st.lists(windows, max_size=3), moments)
def test_a_window_is_open_until_it_closes_and_closed_until_the_next_opens(some, moment):
    end = next_close(some, moment)
    begin = next_open(some, moment)

    assert (find_open_window(some, moment) is None) == (end is None)
    if end is not None:
        assert end > moment
        assert find_open_window(some, end - timedelta(seconds=1)) is not None
        if end - moment < timedelta(days=8):
            assert find_open_window(some, end) is None
    if begin is not None:
        assert begin > moment
        assert find_open_window(some, begin) is not None
        if end is None:
            assert find_open_window(some, begin - timedelta(seconds=1)) is None or (
                begin - moment < timedelta(seconds=1)
            )
    assert (begin is None) == (not some)


def test_windows_that_follow_each_other_close_with_the_last():
    friday = Window(frozenset({4}), 22 * 60, 24 * 60, BERLIN)
    saturday = Window(frozenset({5}), 0, 6 * 60, BERLIN)

    assert next_close([friday, saturday], at("2026-11-20T23:00:00+01:00")) == at(
        "2026-11-21T06:00:00+01:00"
    )


def test_from_midnight_to_midnight_is_the_whole_day():
    for ends in (0, DAY):
        window = Window(frozenset({5}), 0, ends, BERLIN)

        assert is_open(window, "2026-11-21T00:00:00+01:00")
        assert is_open(window, "2026-11-21T23:59:59+01:00")
        assert not is_open(window, "2026-11-22T00:00:00+01:00")


def test_a_window_that_never_closes_is_open_for_at_least_a_week():
    window = Window(frozenset(range(7)), 0, 0, BERLIN)
    now = at("2026-11-21T12:00:00+01:00")

    assert next_close([window], now) >= now + timedelta(days=7)
