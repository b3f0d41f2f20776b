"""Conventions of the command line: exit codes, streams, help."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CALSCIM = [sys.executable, "-m", "calscim"]


def test_every_verb_has_one_line_of_help(calscim):
    ran = calscim("--help")

    assert ran.code == 0
    verbs = re.findall(r"^    (\w+) +\S", ran.out, re.MULTILINE)
    assert {
        "serve",
        "run",
        "demo",
        "check",
        "migrate",
        "directory",
        "token",
        "group",
        "team",
    } <= set(verbs)
    assert {"mapping", "plan", "sync", "approve", "status", "explain", "journal", "sim"} <= set(
        verbs
    )
    assert {"membership", "rebuild"} <= set(verbs)


def test_the_version_is_printed(calscim):
    assert re.fullmatch(r"calscim \d+\.\d+\.\d+\n", calscim("--version").out)


@pytest.mark.parametrize(
    "arguments", [(), ("nothing",), ("directory",), ("directory", "list", "--jsno")]
)
def test_a_usage_error_is_exit_64_and_points_to_the_help(calscim, arguments):
    ran = calscim(*arguments)

    assert (ran.code, ran.out) == (64, "")
    assert "--help" in ran.err


@pytest.mark.parametrize("before", [True, False])
def test_the_config_option_stands_before_or_after_the_verb(
    calscim, configuration, tmp_path, monkeypatch, before
):
    monkeypatch.delenv("CALSCIM_CONFIG")
    named = ("--config", str(configuration))

    ran = calscim(*named, "directory", "list") if before else calscim("directory", "list", *named)

    assert ran.code == 0


def test_a_wrong_configuration_is_exit_78_with_every_problem(calscim, configuration):
    configuration.write_text('[database]\npool_size = "x"\n[scmi]\n')

    ran = calscim("directory", "list")

    assert (ran.code, ran.out) == (78, "")
    assert "3 problems" in ran.err
    assert "did you mean [scim]?" in ran.err


def test_an_unreachable_database_is_a_one_line_error(calscim, configuration, tmp_path):
    text = re.sub(
        r"dsn = .*", f'dsn = "postgresql://calscim@/x?host={tmp_path}"', configuration.read_text()
    )
    configuration.write_text(text)

    ran = calscim("directory", "list")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("calscim: the database is not available")


def test_a_missing_database_is_a_one_line_error(calscim, configuration, database):
    configuration.write_text(
        configuration.read_text().replace(database.dsn, database.dsn.replace("test_", "no_"))
    )

    ran = calscim("directory", "list")

    assert (ran.code, ran.out) == (1, "")
    assert "does not exist" in ran.err
    assert "Traceback" not in ran.err


def test_a_closed_pipe_is_no_error(configuration, calscim, okta):
    reading, writing = os.pipe()
    os.close(reading)

    ran = subprocess.run(
        [*CALSCIM, "--config", str(configuration), "journal", "export"],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )

    os.close(writing)
    assert ran.returncode == 141
    assert ran.stderr == b""


def test_an_interrupt_is_exit_130_without_a_traceback(tmp_path: Path):
    # A run in the background ignores interrupts, and its children would.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    started = subprocess.Popen(
        [*CALSCIM, "sim", "calcom", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, cwd=tmp_path
    )
    signal.signal(signal.SIGINT, before)
    assert started.stderr is not None
    started.stderr.readline()

    started.send_signal(signal.SIGINT)

    _, rest = started.communicate(timeout=60)
    assert started.returncode == 130
    assert b"Traceback" not in rest


def test_sigterm_ends_the_simulator_by_its_own_handler_as_process_1_needs(tmp_path: Path):
    started = subprocess.Popen(
        [*CALSCIM, "sim", "calcom", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, cwd=tmp_path
    )
    assert started.stderr is not None
    started.stderr.readline()

    started.terminate()

    _, rest = started.communicate(timeout=60)
    assert (started.returncode, rest) == (143, b"")  # -15 without a handler
