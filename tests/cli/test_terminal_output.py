"""What a person sees on a terminal: colors, widths and progress."""

import asyncio
import os
import pty
import select
import subprocess
import sys

import pytest
from rich.console import Console

from calscim.cli.output import fields, table
from calscim.cli.table_widths import fitted
from calscim.terminal import allows_color

ID = "zq3v8k2m9x4c7b1n6l5p0w2d"
ADDRESS = "maximiliane.von.und.zu.hohenstein@engineering.emea.acme-holding.example"
REASON = "the group Sales asks for it, and the team has no other owner who could do it"


def drawn(shown, width: int) -> str:
    console = Console(width=width, force_terminal=True, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(shown, crop=False)
    return captured.get()


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_ids_addresses_and_words_are_never_cut(width):
    shown = drawn(table(("id", "person", "because"), [(ID, ADDRESS, REASON)]), width)

    words = shown.split()
    assert {ID, ADDRESS, *REASON.split()} <= set(words)
    assert "…" not in shown


def test_sentences_wrap_before_a_table_becomes_wider_than_the_terminal():
    shown = drawn(table(("id", "because"), [(ID, REASON)]), 60)

    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 60
    assert len(shown.splitlines()) > 2


def test_a_row_that_does_not_fit_is_one_line():
    shown = drawn(table(("id", "person", "because"), [(ID, ADDRESS, REASON)]), 40)

    assert shown.splitlines()[1] == f"{ID}  {ADDRESS}  {REASON}"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_ends_with_spaces(width):
    shown = drawn(table(("id", "because"), [(ID, REASON), ("x", "short")]), width)

    assert all(line == line.rstrip() for line in shown.splitlines())


@pytest.mark.parametrize("width", [20, 80])
def test_a_field_is_never_cut(width):
    shown = drawn(fields([("base url", f"https://{ADDRESS}/scim/v2/{ID}")]), width)

    assert f"https://{ADDRESS}/scim/v2/{ID}" in shown


def test_columns_share_what_the_longest_words_leave():
    rows = [("aaaa", "bb bb bb bb", "cccc cccc cccc cccc")]

    assert fitted(rows, 100) == [4, 11, 19]
    assert fitted(rows, 30) == [4, 10, 12]
    assert fitted(rows, 14) == [4, 2, 4]
    assert fitted(rows, 13) == [4, 11, 19]


@pytest.mark.parametrize(
    ("environ", "allowed"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_color_is_left_out_as_the_environment_asks(environ, allowed):
    assert allows_color(environ) is allowed


@pytest.mark.parametrize(
    ("arguments", "environ", "colored"),
    [
        ((), {}, True),
        (("--no-color",), {}, False),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"TERM": "dumb"}, False),
    ],
)
def test_a_terminal_gets_color_unless_it_is_not_wanted(
    configuration, okta, arguments, environ, colored
):
    shown = on_a_terminal(configuration, *arguments, "directory", "list", **environ)

    assert b"Okta" in shown
    assert (b"\x1b[" in shown) is colored
    after = on_a_terminal(configuration, "directory", "list", *arguments, **environ)
    assert after == shown


def on_a_terminal(configuration, *arguments: str, **environ: str) -> bytes:
    """Run a command whose output is a terminal, and return what it prints."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "calscim", *arguments],
        stdout=follower,
        stderr=follower,
        env=os.environ
        | {"CALSCIM_CONFIG": str(configuration), "TERM": "xterm-256color", "COLUMNS": "200"}
        | environ,
    )
    os.close(follower)
    shown = b""
    try:
        while select.select([leader], [], [], 60)[0]:
            shown += os.read(leader, 65536)
    except OSError:  # the process closed its end
        pass
    os.close(leader)
    assert process.wait(60) == 0
    return shown


SLOW = """
import asyncio, sys
from calscim.cli import progress
from calscim.cli.output import Output
progress.AFTER = float(sys.argv[1])
async def work():
    output = Output()
    with progress.progress(output, "reading acme", 10) as advance:
        advance(5)
        for _ in range(3):
            await asyncio.sleep(0)
        output.say("a message meanwhile")
asyncio.run(work())
"""


@pytest.mark.parametrize(
    ("after", "term", "seen"), [("0", "xterm", True), ("60", "xterm", False), ("0", "dumb", False)]
)
async def test_progress_is_shown_on_a_terminal_if_it_takes_long(after, term, seen):
    leader, follower = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SLOW, after, stderr=follower, env=os.environ | {"TERM": term}
    )
    os.close(follower)
    assert await process.wait() == 0

    shown = os.read(leader, 65536)

    os.close(leader)
    assert (b"reading acme" in shown) is seen
    assert (b"5/10" in shown) is seen
    assert b"a message meanwhile" in shown


async def test_a_pipe_gets_no_progress():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SLOW, "0", stderr=asyncio.subprocess.PIPE
    )

    _, shown = await process.communicate()

    assert shown == b"a message meanwhile\n"
