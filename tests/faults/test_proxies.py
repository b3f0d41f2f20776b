"""The proxy configurations of docs/operations/reverse-proxy.md, tested with the real programs."""

import asyncio
import gzip
import re
import shutil
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from calscim import admin
from calscim.app.connections import Connections, Runner
from calscim.app.listeners import listen
from calscim.clock import SystemClock
from calscim.config import Scim
from calscim.encryption import PLAIN
from calscim.scim.client_address import TrustedProxies
from calscim.scim.metrics import Metrics
from calscim.scim.responses import error_response
from calscim.scim.server import app
from tests.support.waiting import until

CLIENT = "127.0.0.2"  # not the address of the proxy
GUIDE = Path(__file__).parents[2] / "docs" / "operations" / "reverse-proxy.md"
EDITOR = admin.Editor(by="test", cipher=PLAIN)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def documented(language):
    [block] = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return block


def nginx(folder, port, upstream):
    block = documented("nginx").replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    block = block.replace("127.0.0.1:8085", upstream)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}{block}\n}}\n"
    )
    return "nginx", "-e", str(folder / "error.log"), "-c", str(path)


def haproxy(folder, port, upstream):
    block = documented("haproxy").replace("127.0.0.1:8085", upstream)
    block = re.sub(r"bind .*", f"bind 127.0.0.1:{port}", block)
    path = folder / "haproxy.cfg"
    path.write_text(block)
    return "haproxy", "-f", str(path)


def caddy(folder, port, upstream):
    block = documented("caddyfile").replace("127.0.0.1:8085", upstream)
    block = block.replace("scim.example.com", f"http://127.0.0.1:{port}")
    path = folder / "Caddyfile"
    path.write_text("{\n    admin off\n    auto_https off\n}\n" + block)
    return "caddy", "run", "--config", str(path), "--adapter", "caddyfile"


@asynccontextmanager
async def running(command, port, folder):
    environ = {"PATH": "/usr/sbin:/usr/bin:/bin:/usr/local/bin", "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *command, env=environ, stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )

    async def answers():
        assert process.returncode is None, f"{command[0]} has ended"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await until(answers, 20)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.fixture(params=[nginx, haproxy, caddy], ids=lambda one: one.__name__)
async def proxied(request, db, tmp_path):
    """The URL of a proxy in front of a directory, the directory's path, a token, and the database."""
    program = request.param.__name__
    if shutil.which(program, path="/usr/sbin:/usr/bin:/bin:/usr/local/bin") is None:
        pytest.skip(f"the program {program} is not installed")
    directory = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    _, token = await admin.create_token(db, EDITOR, directory, name="t")
    settings = Scim(trusted_proxies=("127.0.0.1/32",))
    limits = Connections(100, 100, TrustedProxies.of(settings.trusted_proxies))
    made = app(db, settings, SystemClock(), Metrics(CollectorRegistry()))
    runner = Runner(made, limits, error_response)
    await runner.setup()
    upstream, port = free_port(), free_port()
    await listen(runner, f"127.0.0.1:{upstream}", name="scim")
    command = request.param(tmp_path, port, f"127.0.0.1:{upstream}")
    async with running(command, port, tmp_path):
        yield f"http://127.0.0.1:{port}", f"/scim/v2/{directory.id}", token, db
    await runner.cleanup()


async def test_the_documented_proxy_configuration_works_as_described(proxied):
    root, path, token, db = proxied
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
    forged = {"X-Forwarded-For": "203.0.113.66, 198.51.100.1"}
    connector = aiohttp.TCPConnector(local_addr=(CLIENT, 0))
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        async with session.get(root + "/healthz") as answer:
            assert answer.status == 404
        async with session.get(root + path + "/Users?filter=nosuch") as answer:
            assert answer.status == 400
            assert (await answer.json(content_type=None))["scimType"] == "invalidFilter"
        async with session.post(
            root + path + "/Users", data=b'{"userName": "ann"}', headers=forged
        ) as answer:
            assert answer.status == 201
        packed = {"Content-Encoding": "gzip"}
        body = gzip.compress(b'{"userName": "bob"}')
        async with session.post(root + path + "/Users", data=body, headers=packed) as answer:
            assert answer.status == 201
        async with session.get(
            root + path + "/Users", headers={"Authorization": "Bearer x"}
        ) as answer:
            assert answer.status == 401
            assert (await answer.json(content_type=None))["status"] == "401"

    rows = await db.fetch("SELECT remote FROM calscim.journal WHERE method = 'POST'")
    assert {row["remote"] for row in rows} == {CLIENT}
