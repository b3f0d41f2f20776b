"""Lines for journald: each has a priority, which journald removes, and the documented pipeline reads every line."""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import structlog

from calscim import logs
from calscim.logs import journald
from tests.support.waiting import until

JOURNALD = Path("/usr/lib/systemd/systemd-journald")
DOCUMENTED = ["jq", "-R", "-c", "fromjson? // {event: .}"]


@pytest.fixture
def journal_stream():
    """Yield a file that the environment names as the stream of journald."""
    with tempfile.TemporaryFile("w+") as stream, pytest.MonkeyPatch.context() as patch:
        found = os.fstat(stream.fileno())
        patch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        yield stream


def written(stream):
    """Return the priority and the rest of each line."""
    stream.seek(0)
    return [re.fullmatch(r"<(\d)>(.*)\n", line).groups() for line in stream]


def test_each_line_for_journald_starts_with_its_priority(journal_stream):
    logs.configure("debug", "json", journal_stream)
    log = structlog.get_logger()

    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(log, level)("a.b")

    lines = written(journal_stream)
    assert [priority for priority, _ in lines] == ["7", "6", "4", "3", "2"]
    assert {json.loads(line)["event"] for _, line in lines} == {"a.b"}


def test_every_line_of_a_traceback_for_journald_has_the_priority(journal_stream):
    logs.configure("info", "console", journal_stream)

    try:
        int("x")
    except ValueError:
        structlog.get_logger().exception("a.b")

    assert {priority for priority, _ in written(journal_stream)} == {"3"}


def test_a_stream_that_journald_does_not_read_has_no_priorities(journal_stream, monkeypatch):
    monkeypatch.setenv(
        "JOURNAL_STREAM", "1:1"
    )  # inherited from a service whose stderr was redirected
    logs.configure("info", "json", journal_stream)

    structlog.get_logger().info("a.b")

    journal_stream.seek(0)
    assert json.loads(journal_stream.read())["event"] == "a.b"


def test_a_closed_stream_is_not_journald():
    with tempfile.TemporaryFile("w") as stream:
        pass

    assert not journald.reads(stream, {"JOURNAL_STREAM": "1:1"})


# ------------------------------------------------------------------ with journald itself


@pytest.fixture
async def journal(tmp_path):
    """Yield a journald of its own, in a namespace (systemd-journald(8))."""
    if not JOURNALD.exists() or os.getuid() != 0 or not shutil.which("jq"):
        pytest.skip("needs systemd-journald, jq, and root, who may start a journal namespace")
    if Path("/run/systemd/system").exists():
        pytest.skip("systemd runs here and may already start this namespace by socket activation")
    name = f"calscim{os.getpid()}"
    process = await asyncio.create_subprocess_exec(JOURNALD, name)
    folder = Path(f"/run/systemd/journal.{name}")
    try:
        await until(
            lambda: (folder / "stdout").exists() and (folder / "io.systemd.journal").exists(), 10
        )
        yield name
    finally:
        process.terminate()
        await process.wait()
        kept = [
            *Path("/run/log/journal").glob(f"*.{name}"),
            *Path("/var/log/journal").glob(f"*.{name}"),
        ]
        for path in (folder, *kept):
            shutil.rmtree(path, ignore_errors=True)


def run_as_service(name, arguments, environment):
    """Run a program with its standard error at journald, as systemd does (SyslogLevelPrefix=yes)."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(f"/run/systemd/journal.{name}/stdout")
        stream.sendall(b"calscim\ncalscim.service\n6\n1\n0\n0\n0\n")
        found = os.fstat(stream.fileno())
        subprocess.run(
            arguments,
            stderr=stream,
            env={**environment, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"},
            check=False,
        )


async def read_journal(name, *options):
    command = ["journalctl", "--namespace", name, "-t", "calscim", "--no-pager", *options]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out


def run_documented(text):
    ran = subprocess.run(DOCUMENTED, input=text, capture_output=True, check=True)
    return ran.stdout.splitlines()


async def test_errors_at_the_start_reach_the_documented_pipeline(journal, tmp_path):
    wrong = tmp_path / "calscim.toml"
    wrong.write_text("[scmi]\n")
    environment = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    serve = ["-m", "calscim", "serve", "--config", str(wrong)]

    run_as_service(journal, [sys.executable, *serve], environment)
    run_as_service(journal, ["sh", "-c", "echo a line of something else >&2"], environment)

    async def arrived():
        return (await read_journal(journal, "-o", "cat")).count(b"\n") == 2

    await until(arrived, 10)
    lines = run_documented(await read_journal(journal, "-o", "cat"))
    ours, other = map(json.loads, lines)
    assert (ours["event"], ours["level"]) == ("configuration.refused", "error")
    assert other == {"event": "a line of something else"}
    urgent = (await read_journal(journal, "-o", "cat", "-p", "err")).splitlines()
    assert [json.loads(line)["event"] for line in urgent] == ["configuration.refused"]
