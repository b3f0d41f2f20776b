"""The manual page: it names every verb, option, example and exit code, and roff reads it."""

import re
import shutil
import subprocess

import pytest

from calscim.cli.main import all_verbs
from calscim.exit_codes import ExitCode
from tools import man_page

PAGE = man_page.page()
MACROS = {"TH", "SH", "SS", "TP", "PP", "B", "nf", "fi", "RS", "RE"}


def test_the_page_has_a_section_for_each_verb_with_its_examples():
    plain = PAGE.replace("\\-", "-").replace("\\(aq", "'")

    for verb in all_verbs().leaves():
        assert f".SS {verb.prog}\n" in plain
        assert all(f"\n{example}\n" in plain for example in verb.examples)


def test_the_page_lists_every_exit_code():
    section = PAGE.partition(".SH EXIT STATUS\n")[2].partition(".SH")[0]

    assert [int(code) for code in re.findall(r"\\fB(\d+)\\fR", section)] == list(ExitCode)


def test_no_text_is_taken_for_a_macro():
    for line in PAGE.splitlines():
        assert not line.startswith("'")
        assert not line.startswith(".") or line[1:].split()[0] in MACROS


def test_mandoc_has_nothing_to_correct():
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")

    ran = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning"],
        input=PAGE,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert [line for line in ran.stdout.splitlines() if "missing date" not in line] == []
