"""The imports of the command line before it runs a verb, and the list of verbs."""

import subprocess
import sys

import pytest

from calscim.cli.main import VERBS, main

HEAVY = {"aiohttp", "asyncpg", "pydantic", "rich", "scim2_models", "structlog", "uvloop"}
PROGRAM = "import sys; from calscim.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"


def printed(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_help_and_usage_errors_import_nothing_heavy(arguments):
    _, modules = printed(*arguments)

    assert not modules & HEAVY
    assert "asyncio" not in modules


def test_the_help_lists_every_verb():
    shown, _ = printed("--help")

    listed = [line.split()[0] for line in shown.partition("  VERB\n")[2].splitlines() if line]
    assert list(VERBS) == [name for name in listed if name in VERBS]


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_the_same_line_of_help_as_in_the_list(verb, capsys):
    assert main([verb, "--help"]) == 0

    summary = VERBS[verb][1]
    assert f"{summary[0].upper()}{summary[1:]}." in " ".join(capsys.readouterr().out.split())
