"""Times and durations on the command line."""

import argparse
from datetime import UTC, datetime, timedelta, timezone

import pytest

from calscim.cli.main import all_verbs
from calscim.cli.times import a_duration, a_moment, moment_of

NOW = datetime(2026, 3, 2, 1, 30, 1, 500_000, tzinfo=UTC)
TIMES = {"--since", "--until", "--at"}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("1.5h ago", NOW - timedelta(minutes=90)),
        ("now", NOW),
        ("today", datetime(2026, 3, 2, tzinfo=UTC)),
        ("Yesterday", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T08:30", datetime(2026, 3, 1, 8, 30, tzinfo=UTC)),
        ("2026-03-01T08:30:00Z", datetime(2026, 3, 1, 8, 30, tzinfo=UTC)),
        ("2026-03-01T08:30+01:00", datetime(2026, 3, 1, 7, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_a_duration_ago_or_a_word_or_an_iso_time(text, moment):
    assert moment_of(text, NOW) == moment


def test_today_begins_at_midnight_in_utc_wherever_the_machine_is():
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))

    assert moment_of("today", tokyo) == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "5", "noon", "1 hour", "2026-13-01", "-1h", "999999999d"])
def test_any_other_text_is_refused_with_what_to_write(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is not a time: write 1h or 7d"):
        moment_of(text, NOW)


def test_a_duration_needs_a_unit():
    assert a_duration("90m") == 5400
    with pytest.raises(argparse.ArgumentTypeError, match="is not a duration"):
        a_duration("90")


def test_every_option_that_takes_a_time_reads_it_in_the_same_way():
    options = [
        action
        for parser in all_verbs().leaves()
        for action in parser._actions
        if TIMES & {*action.option_strings}
    ]

    assert len(options) >= 5
    assert {action.type for action in options} == {a_moment}
