"""calscim log: the level of all daemons, for a while."""

import re

import pytest


def test_the_level_is_set_shown_and_reset(calscim, configuration):
    assert "info (log.level" in calscim("log", "level").out

    made = calscim("log", "level", "debug", "--for", "20m")
    shown = calscim("log", "level")
    ended = calscim("log", "reset")

    assert re.fullmatch(r"all daemons log at level debug until \S+ \S+Z\n", made.out)
    assert re.fullmatch(r"debug until \S+ \S+Z, set by \S.*@\S+\n", shown.out)
    assert ended.out == "all daemons log at the level of their configuration (info)\n"
    assert "no level was set" in calscim("log", "reset").out


def test_the_json_form_has_level_end_and_operator(calscim):
    made = calscim("log", "level", "debug", "--json").json
    ended = calscim("log", "reset", "--json").json

    assert (made["level"], made["configured"]) == ("debug", "info")
    assert made["until"]
    assert made["set_by"]
    assert ended == {"reset": True}
    assert calscim("log", "level", "--json").json["until"] is None


@pytest.mark.parametrize(
    "arguments", [("debug", "--for", "25h"), ("debug", "--for", "0s"), ("all",)]
)
def test_a_level_needs_a_name_and_an_end_within_a_day(calscim, arguments):
    ran = calscim("log", "level", *arguments)

    assert (ran.code, ran.out) == (64, "")


def test_a_time_without_a_level_is_refused(calscim):
    ran = calscim("log", "level", "--for", "15m")

    assert ran.code == 1
    assert "--for needs a level" in ran.err
