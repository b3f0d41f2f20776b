"""SCIM without network: an inherited socket, and Postgres over a Unix socket."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from calscim import admin
from calscim.config import hazards, load
from calscim.encryption import PLAIN

EXAMPLE = Path(__file__).parents[2] / "config/scim.example.toml"
EDITOR = admin.Editor(by="test", cipher=PLAIN)
# As systemd hands a socket over: number 3, for the process that the shell turns into.
ACTIVATED = 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=scim; exec "$@" 3<&0 </dev/null'
# Root needs no namespace for users, in which it could not open what belongs to others.
UNSHARE = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]


def _namespaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    ran = subprocess.run([*UNSHARE, "true"], capture_output=True, check=False)
    return ran.returncode == 0


def test_the_example_for_scim_alone_loads_and_is_safe():
    settings = load(EXAMPLE, {})

    assert settings.organizations == ()
    assert hazards(settings, (), {}) == []


@pytest.mark.skipif(not _namespaces(), reason="no network namespaces for this user")
async def test_scim_is_served_in_a_namespace_without_network(db, database, tmp_path):
    directory = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    _, token = await admin.create_token(db, EDITOR, directory, name="test")
    configuration = tmp_path / "scim.toml"
    configuration.write_text(
        f'[database]\ndsn = "{database.dsn}"\n'
        '[scim]\nlisten = "systemd"\npublic_url = "https://scim.example.com"\n'
        f'[ops]\nlisten = "unix:{tmp_path}/ops.sock"\n[log]\nformat = "json"\n'
    )
    daemon = [sys.executable, "-m", "calscim", "serve", "--strict", "--config", str(configuration)]
    with socket.create_server(("127.0.0.1", 0)) as opened:
        host, port = opened.getsockname()
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", ACTIVATED, "sh", *UNSHARE, *daemon,
            stdin=opened, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            env=dict(os.environ), cwd=tmp_path,
        )  # fmt: skip
    try:
        assert process.stderr is not None
        said = []
        while not said or said[-1]["event"] != "service.ready":
            line = await asyncio.wait_for(process.stderr.readline(), 20)
            assert line, said
            said.append(json.loads(line))
        url = f"http://{host}:{port}/scim/v2/{directory.id}/Users"
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.post(url, json={"userName": "ann@acme.example"}) as answer:
                assert answer.status == 201
            connector = aiohttp.UnixConnector(f"{tmp_path}/ops.sock")
            async with (
                aiohttp.ClientSession(connector=connector) as ops,
                ops.get("http://localhost/readyz") as answer,
            ):
                assert answer.status == 200
    finally:
        process.terminate()
        await process.communicate()
    assert process.returncode == 0
