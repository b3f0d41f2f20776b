"""calscim status --watch, in a process of its own: Ctrl-C ends it."""

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from calscim.admin.status_view import DatabaseStatus, Status
from calscim.cli.status_watch import watch
from calscim.errors import StoreUnavailable

NOTHING = Status(
    daemons=(),
    organizations=(),
    directories=(),
    database=DatabaseStatus(ok=True, reason=None),
)
WATCH = [sys.executable, "-m", "calscim", "status", "--watch", "--interval", "100ms"]


@pytest.fixture
def start(configuration, okta):
    """Return a function that starts the verb; interrupts reach it even if the tests ignore them."""
    started: list[subprocess.Popen] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(*arguments: str, stdout: int = subprocess.PIPE, **environment: str):
        started.append(
            subprocess.Popen(
                [*WATCH, *arguments],
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"CALSCIM_CONFIG": str(configuration)} | environment,
            )
        )
        return started[-1]

    yield start
    signal.signal(signal.SIGINT, before)
    for one in started:
        one.kill()
        one.wait(10)


def lines_until(process, text: str, times: int) -> list[str]:
    """Read lines until one with the text was read so many times."""
    found: list[str] = []
    while sum(text in line for line in found) < times:
        found.append(process.stdout.readline())
        assert found[-1], process.stderr.read()
    return found


def interrupted(process) -> tuple[int, str]:
    """Interrupt the process, and return its exit code and what it wrote to standard error."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_a_pipe_gets_one_snapshot_below_the_other_until_ctrl_c(start):
    process = start()

    shown = "".join(lines_until(process, "calscim status at ", 3))

    assert shown.count("none holds the lease") == 2
    assert "\x1b" not in shown
    assert interrupted(process) == (0, "")


def test_json_is_one_value_a_line(start):
    process = start("--json")

    first, second = (json.loads(process.stdout.readline()) for _ in range(2))

    assert first["organizations"][0]["name"] == second["organizations"][0]["name"] == "acme"
    assert interrupted(process) == (0, "")


def test_with_exit_code_ctrl_c_ends_it_with_the_code_of_the_last_look(start):
    process = start("--exit-code")
    lines_until(process, "calscim status at ", 2)

    assert interrupted(process) == (1, "")  # there was no pass


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_terminal_is_redrawn_and_a_dumb_one_is_appended_to(start, term):
    leader, follower = pty.openpty()
    process = start(stdout=follower, TERM=term, LINES="40", COLUMNS="200")
    os.close(follower)

    shown = b""
    while shown.count(b"calscim status at ") < 3:
        assert select.select([leader], [], [], 60)[0]
        shown += os.read(leader, 65536)
    ended = interrupted(process)
    os.close(leader)

    assert (b"\x1b[H" in shown) is (term != "dumb")
    assert (b"\x1b" in shown) is (term != "dumb")
    assert ended == (0, "")


def test_an_interval_without_watch_is_refused(calscim):
    ran = calscim("status", "--interval", "1s")

    assert (ran.code, ran.out) == (1, "")
    assert "add --watch" in ran.err
    assert calscim("status", "--watch", "--interval", "0s").code == 64


async def test_a_database_that_is_away_is_shown_and_asked_again():
    looks = []

    async def look():
        looks.append(1)
        if len(looks) == 1:
            raise StoreUnavailable("the database is not available: no route to host")
        watching.cancel()
        return NOTHING

    shown = []
    output = SimpleNamespace(json=False, redraw=lambda _, text: shown.append(text))
    watching = asyncio.create_task(
        watch(SimpleNamespace(output=output), look, lambda status: status, 0.001)
    )

    assert await watching == 0
    assert str(shown[0]) == "the database is not available: no route to host"
    assert shown[1] is NOTHING
