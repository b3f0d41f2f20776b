"""Run the command line in this process, with the test's database and a simulated Cal.com."""

import asyncio
import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from calscim.cli import main
from calscim.testing.calcom.calcom import World, serve
from tests.support.terminal import Terminal


@dataclass(frozen=True)
class Ran:
    """The exit code and the output of one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on standard output."""
        return json.loads(self.out)


Calscim = Callable[..., Ran]


@pytest.fixture
def configuration(tmp_path: Path, database) -> Path:
    """Write a configuration file with the test's database and one organization whose Cal.com does not answer."""
    path = tmp_path / "calscim.toml"
    path.write_text(
        f'[database]\ndsn = "{database.dsn}"\n'
        '[scim]\npublic_url = "https://scim.acme.example/"\n'
        '[[organization]]\nname = "acme"\norganization_id = 42\napi_key = "cal_sim"\n'
        'api_url = "http://127.0.0.1:9"\n'
    )
    return path


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    """Restore the logging configuration, which a verb changes for the whole process."""
    level = logging.getLogger().level
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if handler.name == "calscim"]:
        root.removeHandler(handler)


@pytest.fixture
def calscim(configuration: Path, capfd, monkeypatch) -> Calscim:
    """Return a function that runs a command and captures its output."""
    monkeypatch.setenv("CALSCIM_CONFIG", str(configuration))

    def calscim(*arguments: str) -> Ran:
        code = main(arguments)
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return calscim


@pytest.fixture
def terminal(configuration: Path) -> Iterator[Terminal]:
    """Return a terminal to run commands in; interrupts reach them even if the tests ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield Terminal(configuration)
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def calcom(configuration: Path) -> Iterator[World]:
    """Serve a simulated Cal.com with the teams Sales and Engineering in a separate thread."""
    world = World()
    world.add_person("owner@acme.example", role="OWNER")
    world.add_team("Sales")
    world.add_team("Engineering")
    started, ended = threading.Event(), asyncio.Event()
    at: list[Any] = []

    async def run() -> None:
        async with serve(world) as url:
            at.extend([url, asyncio.get_running_loop()])
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert started.wait(10)
    configuration.write_text(configuration.read_text().replace("http://127.0.0.1:9", at[0]))
    yield world
    at[1].call_soon_threadsafe(ended.set)
    thread.join(10)


@pytest.fixture
def okta(calscim: Calscim) -> dict[str, Any]:
    """Create the directory Okta; return the JSON of ``directory create``."""
    return calscim(
        "directory", "create", "--name", "Okta", "--provider", "okta-scim-v2", "--json"
    ).json


@pytest.fixture
def run() -> Callable[..., Any]:
    """Return ``asyncio.run``: these tests are not coroutines, because the command line starts its own event loop."""
    return asyncio.run
