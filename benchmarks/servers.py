"""Start the measured servers, the daemon and the floor, as separate processes."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.wire import Connection, Job, Result, load


@dataclass(frozen=True, slots=True)
class Server:
    """A SCIM server that listens on loopback."""

    name: str
    port: int
    prefix: str  # path of the directory's base URL
    headers: str
    pid: int
    host: str = "127.0.0.1"

    def connection(self) -> Connection:
        return Connection(self.host, self.port, self.headers)

    async def load(self, name: str, jobs: list[Job]) -> Result:
        return await load(name, self.host, self.port, self.headers, jobs)


def headers(token: str) -> str:
    """Return the headers of each SCIM request."""
    return (
        f"Authorization: Bearer {token}\r\n"
        "Content-Type: application/scim+json\r\nAccept: application/scim+json\r\n"
    )


def free_port() -> int:
    """Return a free TCP port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def answers(port: int, path: str) -> None:
    """Wait until a server answers on the port; raise RuntimeError after a minute."""
    for _ in range(600):  # a busy machine needs long to create a database
        try:
            await Connection("127.0.0.1", port, "").send("GET", path)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return
    raise RuntimeError(f"nothing answers on port {port}")


@asynccontextmanager
async def daemon(folder: Path, calcom: int | None = None) -> AsyncIterator[Server]:
    """Run the daemon with one directory.

    ``calcom`` is the port of a simulated Cal.com. Without it, Cal.com is unreachable and nothing is reconciled.
    """
    scim, ops = free_port(), free_port()
    config = folder / "calscim.toml"
    config.write_text(
        f"""
[database]
embedded = "{folder / "postgres"}"
[scim]
listen = "127.0.0.1:{scim}"
public_url = "http://127.0.0.1:{scim}"
[ops]
listen = "127.0.0.1:{ops}"
[log]
level = "warning"
[[organization]]
name = "acme"
organization_id = 42
api_key = "cal_sim"
api_url = "http://127.0.0.1:{calcom or 9}"
""",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "calscim", "--config", str(config)]
    with (folder / "log").open("wb") as log:  # warnings that Cal.com is unreachable, and errors
        serving = subprocess.Popen([*command, "serve"], stderr=log)
    try:
        await answers(ops, "/readyz")
        made = json.loads(
            calscim(
                folder,
                *("directory", "create", "--organization", "acme", "--name", "bench"),
                *("--provider", "okta-scim-v2", "--json"),
            )
        )
        prefix = "/" + made["base_url"].split("/", 3)[3]
        yield Server("calscim", scim, prefix, headers(made["token"]), serving.pid)
    except BaseException:
        print((folder / "log").read_text(encoding="utf-8")[-2000:])
        raise
    finally:
        serving.terminate()
        serving.wait(30)


@asynccontextmanager
async def simulated() -> AsyncIterator[int]:
    """Run the simulated Cal.com, which accepts 120 calls a minute as Cal.com does."""
    port = free_port()
    command = [sys.executable, "-m", "calscim", "sim", "calcom", "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        await answers(port, "/")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def calscim(folder: Path, *arguments: str) -> str:
    """Return the output of a `calscim` command that uses the configuration of the folder."""
    return subprocess.check_output(
        [sys.executable, "-m", "calscim", "--config", str(folder / "calscim.toml"), *arguments],
        stderr=subprocess.DEVNULL,
        text=True,
    )


@asynccontextmanager
async def floor(dsn: str) -> AsyncIterator[int]:
    """Run the bare floor and yield its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.floor", dsn, str(port)])
    try:
        await answers(port, "/floor/1")
        yield port
    finally:
        process.terminate()
        process.wait(10)
