"""A start that cannot succeed yet is retried under systemd, and an exit code elsewhere."""

import asyncio
import socket
import sys
from itertools import pairwise

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from calscim.app.listeners import listen
from calscim.app.startup import start
from calscim.errors import AddressUnavailable, ConfigError, Problem, StoreError
from tests.support.driver import Hurried

MISSING = StoreError("the database lacks 1 migration(s), up to version 18: run `calscim migrate`")
BUSY = AddressUnavailable([Problem("scim.listen", "cannot listen on 127.0.0.1:1")])


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """Yield the notifications that systemd receives."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield listening


def failing(error, times):
    """Return a daemon whose first starts fail, and the times of its starts."""
    clock, tried = Hurried(), []

    async def serve():
        tried.append(clock.seconds)
        if len(tried) <= times:
            raise error

    return serve, clock, tried


@pytest.mark.parametrize("error", [MISSING, BUSY], ids=["migration", "port"])
async def test_under_systemd_the_start_is_retried_and_logged_once(manager, error):
    serve, clock, tried = failing(error, 12)

    with capture_logs() as lines:
        await start(serve, clock)

    waits = [later - earlier for earlier, later in pairwise(tried)]
    assert waits[0] < 2
    assert all(20 <= wait <= 30 for wait in waits[6:])
    assert [line["event"] for line in lines] == ["service.waiting"]
    notification = manager.recv(1000).decode()
    assert "STATUS=waiting: " in notification
    assert "EXTEND_TIMEOUT_USEC=90000000" in notification


@pytest.mark.parametrize("error", [MISSING, BUSY], ids=["migration", "port"])
async def test_without_a_service_manager_the_daemon_exits(monkeypatch, error):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    serve, clock, tried = failing(error, 1)

    with pytest.raises(type(error)):
        await start(serve, clock)

    assert len(tried) == 1


@pytest.mark.usefixtures("manager")
async def test_a_wrong_configuration_always_ends_the_daemon():
    serve, clock, tried = failing(ConfigError([Problem("scim.listen", "no port")]), 1)

    with pytest.raises(ConfigError):
        await start(serve, clock)

    assert len(tried) == 1


async def test_sigterm_while_waiting_to_start_is_a_success(manager, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        configuration = tmp_path / "calscim.toml"
        configuration.write_text(
            f'[database]\ndsn = "postgresql://calscim@/x?host={tmp_path}"\n'
            f'[scim]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\npublic_url = "http://127.0.0.1"\n'
            '[[organization]]\nname = "acme"\norganization_id = 42\napi_key = "key"\napi_url = "http://127.0.0.1"\n'
        )
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "calscim", "--config", str(configuration), "serve"),
            stderr=asyncio.subprocess.PIPE,
        )
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(60):
            assert b"STATUS=waiting: scim.listen" in await loop.sock_recv(manager, 1000)
            started.terminate()
            _, log = await started.communicate()

    assert started.returncode == 0
    assert b"Traceback" not in log


async def test_a_port_in_use_is_retried_and_a_forbidden_path_is_not(tmp_path):
    runner = web.AppRunner(web.Application())
    await runner.setup()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AddressUnavailable):
            await listen(runner, f"127.0.0.1:{taken.getsockname()[1]}", name="scim")
    with pytest.raises(ConfigError) as refused:
        await listen(runner, f"unix:{tmp_path}/no/such/folder", name="scim")
    await runner.cleanup()

    assert not isinstance(refused.value, AddressUnavailable)
