"""Every alert has a page that says what it means, how to see it, what to type, and how to know it is over."""

import re
import shlex
from pathlib import Path

import pytest

from calscim.cli.main import one_verb, verb_in
from tests.config.test_monitoring import alerts

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
SECTIONS = ["What it means", "How to see it", "What to type", "How to know it is over"]
PROGRAMS = {"curl", "df", "journalctl", "openssl", "promtool", "psql", "systemctl", "top"}
NAMES = [alert["alert"] for alert in alerts()]


def page(name):
    return (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")


def commands(text):
    """Return the commands of a text: in blocks, and inline ones that start with calscim."""
    return re.findall(r"^\$ (.+)$", text, re.MULTILINE) + re.findall(r"`(calscim [^`]+)`", text)


def test_every_alert_has_a_page_and_every_page_an_alert():
    assert {path.stem for path in RUNBOOKS.glob("Calscim*.md")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_four_sections_with_commands(name):
    text = page(name)

    assert text.startswith(f"# {name}: ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    parts = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert all(len(part.split()) > 5 for part in parts)
    assert commands(parts[1]), "a command that shows it"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_a_page_and_of_an_alert_is_one_that_calscim_knows(name):
    (alert,) = (alert for alert in alerts() if alert["alert"] == name)
    summary = re.sub(r"\{\{[^}]*\}\}", "x", alert["annotations"]["summary"])
    for command in commands(page(name)) + commands(summary):
        words = shlex.split(command.partition(" | ")[0].partition(" > ")[0])
        if words[0] != "calscim":
            assert words[0] in PROGRAMS, command
            continue
        given = words[1:]
        _, unknown = one_verb(verb_in(given)).parse_known_args(given)
        assert unknown == [], command


def test_the_parser_refuses_a_command_that_does_not_exist():
    with pytest.raises(SystemExit):
        one_verb("parked").parse_known_args(["parked", "forget"])
