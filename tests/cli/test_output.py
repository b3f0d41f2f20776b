"""The format of tables, times, and counts."""

import io
from datetime import UTC, datetime, timedelta, timezone

from rich.console import Console

from calscim.cli.output import Output, _screen, table
from calscim.wording import counted, moment

NOON = datetime(2026, 3, 2, 12, 0, 1, 500_000, tzinfo=UTC)


def shown(*rows, terminal=False):
    out = io.StringIO()
    made = table(("name", "age#", "since"), rows)
    Console(file=out, width=60, force_terminal=terminal, color_system=None, highlight=False).print(
        made
    )
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_pipe_gets_the_same_columns_as_a_terminal():
    rows = [("ann", 7, NOON), ("陽子", 42, None), ("", 1, True)]

    assert shown(*rows) == shown(*rows, terminal=True)
    assert shown(*rows)[:2] == ["name  age  since", "ann     7  2026-03-02 12:00:01Z"]


def test_a_pipe_gets_long_lines_whole(capsys):
    Output().show(table(("name", "age#", "since"), [("x" * 1500, 1, "y" * 1500)]))

    assert capsys.readouterr().out.splitlines()[1] == f"{'x' * 1500}    1  {'y' * 1500}"


def test_a_table_without_rows_shows_its_headings():
    assert shown() == ["name  age  since"]


def test_a_value_of_several_lines_stays_in_its_column():
    assert shown((("one", "two"), 1, "here")) == ["name  age  since", "one     1  here", "two"]


def test_times_are_in_utc_and_precise_to_the_second():
    berlin = timezone(timedelta(hours=1))

    assert moment(NOON.astimezone(berlin)) == "2026-03-02 12:00:01Z"


def test_a_count_of_one_is_singular():
    assert [counted(number, "change") for number in (0, 1, 5000)] == [
        "0 changes",
        "1 change",
        "5,000 changes",
    ]


def test_a_screen_that_is_too_small_says_how_many_lines_it_lacks():
    drawn = _screen([f"line {number}" for number in range(10)], height=5)

    assert drawn.splitlines() == [
        "\x1b[Hline 0\x1b[K",
        "line 1\x1b[K",
        "line 2\x1b[K",
        "… 7 more lines: enlarge the window\x1b[K",
        "\x1b[J",
    ]
