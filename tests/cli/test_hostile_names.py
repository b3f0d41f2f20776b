"""Verbs escape control characters in names from outside."""

import pytest

HOSTILE = "Sales\x1b]0;owned\x07\x9b2J\rx\n2026 forged\u202e"
CONTROLS = ("\x1b", "\x07", "\x9b", "\r", "\u202e")


@pytest.mark.parametrize(
    "verb",
    [
        ("mapping", "list"),
        ("mapping", "export"),
        ("status",),
        ("plan",),
        ("journal", "tail"),
        ("journal", "show", "2", "--organization", "acme"),
        ("journal", "export", "--organization", "acme"),
        ("team", "list"),
        ("team", "list", "--json"),
        ("mapping", "list", "--json"),
    ],
)
def test_a_hostile_name_is_shown_escaped(calscim, okta, calcom, verb):
    team = calcom.add_team(HOSTILE)
    added = calscim("mapping", "add", "--group", "Sales", "--team", str(team), "--mode", "add-only")

    ran = calscim(*verb)

    shown = added.out + added.err + ran.out + ran.err
    assert added.code == 0
    assert [c for c in CONTROLS if c in shown] == []
    assert not any(line.startswith("2026 forged") for line in shown.splitlines())


def test_an_error_that_quotes_an_argument_is_escaped(calscim, okta):
    for arguments in (("explain", HOSTILE), ("journal", "show", HOSTILE), ("status", HOSTILE)):
        ran = calscim(*arguments)

        assert ran.code != 0
        assert [c for c in CONTROLS if c in ran.out + ran.err] == []
