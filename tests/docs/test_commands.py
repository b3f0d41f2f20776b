"""Every command in a block of the documentation is accepted by the program that it starts."""

import contextlib
import io
import re
import shlex
import shutil
import subprocess

import pytest

from calscim.cli.main import all_verbs
from tests.docs.blocks import PAGES, ROOT, commands

# Programs whose commands no test runs as they stand, and why, or which test covers what they do.
ELSEWHERE = {
    "apt": "installs the Debian package; packaging/test-deb does so with dpkg",
    "apt-get": "installs packages on the machine",
    "dpkg": "installs the Debian package; packaging/test-deb does so",
    "cd": "is part of the shell",
    "docker": "needs a container engine; tests/packaging/test_container.py",
    "kubectl": "needs a cluster; tests/packaging/test_kubernetes.py",
    "make-secrets": "writes files of other users; tests/packaging/test_container.py",
    "cp": "copies drop-ins; tests/booted runs the commands on a machine that it boots",
    "df": "reads the machine's disks",
    "createdb": "needs an empty server; tests/faults/test_restored.py restores a dump",
    "git": "needs a remote repository",
    "grep": "filters the output of the program before it",
    "head": "filters the output of the program before it",
    "journalctl": "needs a service under systemd",
    "make": "starts long runs; its targets exist (below)",
    "man": "opens a pager; tests/tools/test_man_page.py reads the page",
    "mkdir": "makes a folder",
    "nano": "opens an editor; tests/booted types for the operator",
    "openssl": "reads a certificate of the machine",
    "pg_dump": "needs a database; tests/faults/test_restored.py restores a dump",
    "pg_restore": "needs a database; tests/faults/test_restored.py restores a dump",
    "pip": "installs packages; the lock files it reads exist (below), and tests/tools/test_supply.py checks them",
    "promtool": "reads files of the machine; tests/config/test_alerts.py checks the rules",
    "python": "starts the test suite, or creates an environment",
    "python3": "starts the test suite, or creates an environment",
    "sed": "reads config/prometheus-rules.yml, which exists (below)",
    "systemctl": "needs systemd; tests/booted runs the commands of the README on a machine that it boots",
    "systemd-ask-password": "asks on a terminal; tests/booted answers",
    "systemd-creds": "needs the key of a machine; tests/booted runs the commands on a machine that it boots",
    "systemd-run": "needs systemd; tests/booted runs the command on a machine that it boots",
    "tail": "filters the output of the program before it",
    "top": "reads the machine's processes",
    "umask": "is part of the shell",
    "eval": "is part of the shell; tests/cli/test_completion.py runs the completion scripts in each shell",
}  # fmt: skip
# What looks like a path and is none, or is a path that another command creates.
ANOTHER = ("build/", "deployment/", "bin/")
# Programs whose commands a test of this folder runs.
HERE = {"calscim", "curl", "jq", "psql"}


def program_of(words):
    return words[0].rpartition("/")[2]


def calscim_commands():
    """Return the calscim commands, also those that start in a container."""
    inside = [
        (command, words[-1 - words[::-1].index("calscim") :])
        for command, words in commands_of_program("docker", "kubectl")
        if "exec" in words
    ]
    return commands_of_program("calscim") + inside


def commands_of_program(*names):
    return [
        (command, words)
        for command in commands()
        for words in command.programs
        if program_of(words) in names
    ]


@pytest.fixture(scope="module")
def parser():
    return all_verbs()


def complaint_of(parser, words):
    """Return what the parser says about the words after `calscim`, or "" if it accepts them."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            _, unknown = parser.parse_known_args(words)
    except SystemExit as end:
        return said.getvalue() if end.code else ""
    return f"unknown: {unknown}" if unknown else ""


def test_the_parser_accepts_every_calscim_command(parser):
    complaints = {
        str(command): complaint
        for command, words in calscim_commands()
        if (complaint := complaint_of(parser, words[1:]))
    }

    assert complaints == {}


def test_the_verbs_and_options_in_the_text_of_a_page_exist(parser):
    wrong = {
        f"{page.name}: {span}": complaint
        for page in PAGES
        for span in spans_of(page)
        if (complaint := complaint_of(parser, shlex.split(span)[1:]))
        if complaint.startswith("unknown")
        or re.search("there is no (verb (?!'[A-Z])|option)", complaint)
    }

    assert wrong == {}


def spans_of(page):
    """Return the commands in the text of a page, without "..." and without what follows "show /"."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    spans = [" ".join(span.split()) for span in re.findall(r"`(calscim [^`]+)`", text)]
    return [span.partition(" / ")[0].replace(" ...", "") for span in spans]


@pytest.mark.parametrize("line", ["parked forget", "plan --organisation acme", "approve"])
def test_the_parser_complains_of_a_wrong_command(parser, line):
    assert complaint_of(parser, line.split())


def test_every_program_is_run_by_a_test_or_has_a_reason_why_not():
    known = HERE | set(ELSEWHERE)

    unknown = [
        str(command)
        for command in commands()
        for words in command.programs
        if program_of(words) not in known
    ]

    assert unknown == [], (
        "add the program to ELSEWHERE with its reason, or write a test that runs it"
    )


def test_the_tests_that_the_table_names_exist():
    named = {path for reason in ELSEWHERE.values() for path in re.findall(r"tests/[\w/.]+", reason)}

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_command_is_valid_for_the_shell(tmp_path):
    script = tmp_path / "commands.sh"
    script.write_text("".join(f"{command.text}\n" for command in commands()), encoding="utf-8")

    checked = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)

    assert checked.stderr == ""


def test_make_has_every_target_that_a_page_names():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

    wrong = [
        str(command) for command, words in commands_of_program("make") if words[1] not in targets
    ]

    assert wrong == []


def test_every_file_of_the_repository_that_a_command_reads_exists():
    named = [
        (command, word)
        for command, words in commands_of_program(*ELSEWHERE)
        for word in words
        if re.fullmatch(r"[\w-]+(/[\w.@-]+)+", word) and not word.startswith(ANOTHER)
    ]

    assert len(named) > 3
    assert [str(command) for command, word in named if not (ROOT / word).exists()] == []


@pytest.mark.skipif(not shutil.which("jq"), reason="no jq is installed (apt-get install jq)")
def test_jq_accepts_every_filter():
    for command, words in commands_of_program("jq"):
        checked = subprocess.run(
            words, input='{"event": "scim.request", "status": 200}\n', capture_output=True, text=True, check=False
        )  # fmt: skip
        assert checked.stderr == "", command


def test_every_page_is_looked_at():
    assert len(PAGES) > 50
    assert len(commands()) > 500
