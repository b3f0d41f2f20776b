"""`calscim run`: every command that it prints works."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.deployment import INHERITED
from tests.support.waiting import until

pytestmark = pytest.mark.own_postgres
CALSCIM = (sys.executable, "-m", "calscim")


@dataclass
class Run:
    """A process of `calscim run`, and a shell for the commands that it prints."""

    folder: Path
    process: asyncio.subprocess.Process

    @property
    def printed(self) -> str:
        return (self.folder / "run.log").read_text()

    @property
    def environment(self) -> dict[str, str]:
        """The inherited environment with the printed ``export`` lines."""
        exports = dict(re.findall(r"^export (\w+)=(.+)$", self.printed, re.MULTILINE))
        return {name: os.environ[name] for name in INHERITED if name in os.environ} | exports

    async def shell(self, line: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", line, stdout=asyncio.subprocess.PIPE, env=self.environment, cwd=self.folder
        )  # fmt: skip
        out, _ = await process.communicate()
        return out.decode()

    async def calscim(self, *arguments: str) -> object:
        return json.loads(await self.shell(" ".join((*CALSCIM, *arguments, "--json"))))


@pytest.fixture
async def running() -> AsyncIterator[Run]:
    folder = Path(tempfile.mkdtemp(prefix="calscim-"))
    folder.chmod(0o755)
    with (folder / "run.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *CALSCIM, "run", "--data", "var", "--port", "0", stdout=log, stderr=log, cwd=folder,
            env={name: os.environ[name] for name in INHERITED if name in os.environ},
        )  # fmt: skip
    run = Run(folder, process)
    try:
        await until(lambda: "Stop with" in run.printed, 60)
        yield run
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def test_the_printed_commands_work_and_every_other_command_works_beside_the_run(running: Run):
    lines = "\n".join(
        line for line in running.printed.splitlines() if line.startswith(("ANN=", "curl"))
    )
    shown = await running.shell(lines)

    base = re.search(r"SCIM Base URL +(\S+)", running.printed)
    assert base is not None
    (directory,) = await running.calscim("directory", "list")
    assert directory["base_url"] == base[1]
    assert f'"location":"{base[1]}/Groups/' in shown
    (synced,) = await running.calscim("sync")
    assert (synced["complete"], synced["pending"]) == (True, 0)
    (plan,) = await running.calscim("plan")
    assert plan["actions"] == []
    assert (await running.calscim("explain", "ann@acme.example"))["teams"][0][
        "observed"
    ] == "MEMBER"
    assert (await running.calscim("check"))["ok"]
