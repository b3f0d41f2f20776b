"""A verb that fails prints a message; a daemon that fails writes one event in the format of its log."""

import json
import os
import subprocess
import sys

import pytest

SERVE = "import sys; from calscim.app import startup; from calscim.cli import main\n"
CRASH = f"""{SERVE}
async def start(*_):
    raise LookupError("no such teapot")
startup.start = start
sys.exit(main(sys.argv[1:]))
"""
UNMIGRATED = f"""{SERVE}
from calscim.errors import StoreError
async def start(*_):
    raise StoreError("run `calscim migrate`")
startup.start = start
sys.exit(main(sys.argv[1:]))
"""
ASIDE = f"""{SERVE}
import threading, warnings
async def start(*_):
    warnings.warn("outdated", DeprecationWarning)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
startup.start = start
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def serve(configuration):
    """Return a function that runs `calscim serve` in a process; each line of its standard error, parsed."""

    def run(program="", **variables):
        code = ["-W", "always", "-c", program] if program else ["-m", "calscim"]
        ran = subprocess.run(
            [sys.executable, *code, "serve", "--config", str(configuration)],
            capture_output=True,
            env={**os.environ, **variables},
            text=True,
            timeout=60,
            check=False,
        )
        return ran.returncode, ran.stderr

    return run


def events(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_daemon_reports_its_wrong_configuration_as_one_event(serve, configuration):
    configuration.write_text('[database]\npool_size = "x"\n')

    code, said = serve()

    (line,) = events(said)
    assert (code, line["event"], line["exit_code"]) == (78, "configuration.refused", 78)
    assert any("database.pool_size" in problem for problem in line["problems"])


def test_without_personal_data_the_problems_have_no_address(serve, configuration):
    configuration.write_text('[log]\npersonal_data = false\n["ann@acme.example"]\n')

    code, said = serve()

    assert code == 78
    assert "ann@acme" not in said


@pytest.mark.parametrize("text", ["[log\n", '[log]\nformat = "xml"\n', "log = 1\n", "\n"])
def test_a_configuration_that_cannot_be_read_is_reported_as_an_event(serve, configuration, text):
    configuration.write_text(text)

    code, said = serve()

    assert (code, [line["event"] for line in events(said)]) == (78, ["configuration.refused"])


@pytest.mark.parametrize("in_file", [True, False])
def test_the_console_format_prints_the_problems_for_a_person(serve, configuration, in_file):
    configuration.write_text('[scmi]\n[log]\nformat = "console"\n' if in_file else "[scmi]\n")

    code, said = serve(**({} if in_file else {"CALSCIM_LOG_FORMAT": "console"}))

    assert code == 78
    assert said.startswith("calscim: the configuration has ")
    assert "did you mean [scim]?" in said


def test_a_start_that_fails_is_one_event(serve):
    code, said = serve(UNMIGRATED)

    *_, line = events(said)
    assert (code, line["event"], line["level"]) == (1, "service.failed", "error")
    assert line["reason"] == "run `calscim migrate`"


def test_a_defect_is_one_event_with_its_traceback(serve):
    code, said = serve(CRASH)

    *_, line = events(said)
    assert (code, line["event"], line["level"]) == (1, "service.crashed", "critical")
    assert "LookupError: no such teapot" in line["exception"]
    assert "report it" in line["detail"]


def test_what_the_interpreter_prints_is_logged(serve):
    code, said = serve(ASIDE)

    warned, defect = [line for line in events(said) if line["event"] != "configuration.dangerous"]
    assert code == 0
    assert "DeprecationWarning: outdated" in warned["event"]
    assert (defect["event"], defect["level"]) == ("service.defect", "error")
    assert "ZeroDivisionError" in defect["exception"]
