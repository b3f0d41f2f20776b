"""Install the other servers once, into var/peers, and start them. Leave out a server that cannot run, and log why."""

import asyncio
import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.servers import Server, answers, free_port, headers

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / "var" / "peers"
PATIENCE = 900  # seconds that the installation may take


@dataclass(frozen=True, slots=True)
class Packages:
    """The npm packages of a server, with fixed versions."""

    name: str
    wanted: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return CACHE / self.name


JACKSON = Packages("jackson", ("@boxyhq/saml-jackson@26.2.0",))
SCIMMY = Packages("scimmy", ("scimmy@1.3.5", "scimmy-routers@1.3.2", "express@4.21.2"))


class MissingError(Exception):
    """A server cannot be measured on this machine; the message gives the reason."""


def installed(packages: Packages, log: Callable[[str], None]) -> Path:
    """Install the packages unless they are installed; return their folder."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise MissingError(f"{program} is not installed: install it to measure this server")
    done = packages.folder / ".installed"
    text = " ".join(packages.wanted)
    if done.exists() and done.read_text(encoding="utf-8") == text:
        return packages.folder
    log(f"installing {text} into {packages.folder}, once; it may take some minutes")
    packages.folder.mkdir(parents=True, exist_ok=True)
    (packages.folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        subprocess.run(
            [*command, *packages.wanted],
            cwd=packages.folder,
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-3:]
        raise MissingError(f"npm could not install it: {' '.join(last)[:300]}") from error
    except subprocess.TimeoutExpired as error:
        raise MissingError(f"npm did not install it within {PATIENCE} s") from error
    done.write_text(text, encoding="utf-8")
    return packages.folder


@asynccontextmanager
async def _started(command: list[str], folder: Path, port: int) -> AsyncIterator[int]:
    process = subprocess.Popen(command, cwd=folder)
    try:
        await answers(port, "/")
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


@asynccontextmanager
async def scimmy(log: Callable[[str], None]) -> AsyncIterator[Server]:
    folder = await asyncio.to_thread(installed, SCIMMY, log)
    port, token = free_port(), secrets.token_hex(16)
    command = ["node", str(HERE / "scimmy.cjs"), str(port), token]
    async with _started(command, folder, port) as pid:
        yield Server("scimmy 1.3.5, in memory", port, "/scim", headers(token), pid)


@asynccontextmanager
async def scim2(log: Callable[[str], None]) -> AsyncIterator[Server]:
    del log
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "benchmarks.peers.scim2", str(port), token]
    name = f"scim2-server {version('scim2-server')}, in memory"
    async with _started(command, HERE.parent.parent, port) as pid:
        yield Server(name, port, "/scim", headers(token), pid)


@asynccontextmanager
async def jackson(log: Callable[[str], None], dsn: str) -> AsyncIterator[Server]:
    """Run saml-jackson on the Postgres of calscim. It creates its token and prints it in one line."""
    folder = await asyncio.to_thread(installed, JACKSON, log)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / "jackson.cjs"),
        str(port),
        dsn,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            token = json.loads(await process.stdout.readline())["token"]
        yield Server("saml-jackson 26.2.0", port, "", headers(token), process.pid)
    except (TimeoutError, ValueError) as error:
        raise MissingError("it did not start: read its output above") from error
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def peers(log: Callable[[str], None], dsn: str) -> AsyncIterator[list[Server]]:
    """Yield the servers that run on this machine. ``dsn`` is that of an empty database on the same Postgres."""
    async with AsyncExitStack() as stack:
        running = []
        for name, started in (
            ("saml-jackson", jackson(log, dsn)),
            ("scimmy", scimmy(log)),
            ("scim2-server", scim2(log)),
        ):
            try:
                running.append(await stack.enter_async_context(started))
            except (MissingError, RuntimeError) as error:
                log(f"{name}: not measured: {error}")
        yield running


def node_version() -> str:
    if shutil.which("node") is None:
        return "no node"
    answer = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    return f"node {answer.stdout.strip()}"
