"""An installation in which a test types the commands of the documentation: a daemon, Cal.com, and an identity provider.

The pages write names for what a reader has: a directory, a hash, an address. Before a command runs, the installation
gets what the command is about, and the names become those of the installation.
"""

import argparse
import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import aiohttp
import structlog

from calscim.app.daemon import Serving, serve
from calscim.cli import main
from calscim.config import load
from calscim.testing.calcom import calcom
from calscim.testing.okta.client import Okta
from tests.support.receivers import SECRET, receiving

KEY = "cal_secret"
PEOPLE = ("ann", "bob", "cem", "dan", "eve", "fay")
ARCHIVE = "/var/lib/calscim/archive"
GROUPS = ("Sales", "Sales EU", "Support", "Support leads", "Team Sales")
CREATE = ("directory", "create", "--name", "Acme Okta", "--provider", "okta-scim-v2")
SALES = ("mapping", "add", "--group", "Sales", "--team", "sales", "--mode", "managed")
ANN = "ann@acme.example"
ADDRESSES = [f"{name}@acme.com" for name in PEOPLE]

_CURL = argparse.ArgumentParser()
_CURL.add_argument("url")
_CURL.add_argument("-s", action="store_true")
_CURL.add_argument("-X", dest="method")
_CURL.add_argument("-H", dest="header", action="append", default=[])
_CURL.add_argument("-d", dest="data")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did: its exit code, its output, and its messages."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Installation:
    """One organization on a running daemon. ``type_`` runs a command as a page writes it."""

    folder: Path
    session: aiohttp.ClientSession
    serving: Serving
    directory: str = ""
    okta: Okta | None = None
    pushed: bool = False
    names: dict[str, str] = field(default_factory=dict)

    async def type_(self, words: list[str]) -> Ran:
        """Run a command of a page."""
        await self._prepare(words)
        typed = [self.names.get(word, word) for word in words]
        ran = await self.run(*typed)
        if typed[:2] == ["directory", "create"] and ran.code == 0:
            await self._connect(typed[typed.index("--name") + 1], ran.out)
        if typed[:2] == ["directory", "delete"]:
            self.directory = ""
        if typed[:1] == ["erase"] and "--yes" in typed:
            await self._assign_again(typed[1])
        return ran

    async def run(self, *words: str) -> Ran:
        """Run a verb in this process."""
        return await asyncio.to_thread(
            _run, [*words, "--config", str(self.folder / "calscim.toml")]
        )

    async def curl(self, words: list[str]) -> tuple[int, str]:
        """Send the request of a curl command; return the status and the body."""
        await self._push()
        given = _CURL.parse_args(words[1:])
        body = None if given.data is None else self._filled(given.data)
        method = given.method or ("GET" if body is None else "POST")
        creates = method == "POST" and given.url.endswith("/Groups")
        if creates:  # Okta has pushed a group of that name
            await self.okta.delete_group(json.loads(body)["displayName"])
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}  # curl's
        headers |= dict(self._filled(header).split(": ", 1) for header in given.header)
        url = self._filled(given.url).replace("127.0.0.1:8086", self.serving.ops)
        async with self.session.request(method, url, data=body, headers=headers) as response:
            answered = await response.text()
            if creates:
                self.names["GROUP_ID"] = json.loads(answered)["id"]
            return response.status, answered

    def _filled(self, text: str) -> str:
        """Return a text of a command with the values of the installation."""
        assert self.okta is not None
        names = {"$BASE_URL": self.okta.base_url, "$TOKEN": self.okta.token}
        names |= {"GROUP_ID": self.names.get("GROUP_ID", ""), '"ID"': f'"{self.okta.users[ANN]}"'}
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    # ---------------------------------------------------------------- what a command is about

    async def _prepare(self, words: list[str]) -> None:
        if words[:2] == ["directory", "create"]:
            if self.directory:
                await self._succeed("directory", "delete", self.directory, "--yes")
            return
        await self._push()
        if words[:2] == ["token", "revoke"]:
            await self._succeed("token", "create", self.directory)
            tokens = json.loads(await self._succeed("token", "list", "--json"))
            self.names["TOKEN"] = str(tokens[-1]["id"])
        if words[:2] == ["mapping", "add"]:
            await self.run("sync")  # a team that an earlier command creates is there
        if "--against" in words:
            checkpoint = await self._succeed("journal", "verify", "--json")
            (self.folder / "checkpoints.jsonl").write_text(checkpoint, encoding="utf-8")
        if words[:1] == ["erase"]:
            await self.okta.deactivate(words[1])
            await self.run("sync")
        if words[:2] in (["mapping", "change"], ["mapping", "remove"]):
            self.names[words[2]] = await self._mapping()
        if words[:1] == ["approve"]:
            self.names[words[1]] = await self._hold()

    async def _connect(self, directory: str, printed: str) -> None:
        """Let Okta push to a directory that was created."""
        made = {line.split()[0]: line.split()[-1] for line in printed.splitlines() if line.strip()}
        self.directory = directory
        self.names |= {"DIRECTORY": directory, "Okta": directory}
        base = f"http://{self.serving.scim}/scim/v2/{made['id']}"
        self.okta = Okta(self.session, base, made["token"])
        self.pushed = False

    async def _push(self) -> None:
        """Let Okta push people and groups to the directory, once."""
        if not self.directory:
            await self._connect("Acme Okta", await self._succeed(*CREATE))
        if self.pushed:
            return
        self.pushed = True
        await self.run("sync")  # the daemon imports who is in Cal.com before Okta looks for them
        for name, address in zip(PEOPLE, ADDRESSES, strict=True):
            await self.okta.assign(address, name.capitalize(), "Lee")
        await self.okta.assign(ANN, "Ann", "Example")
        for group in GROUPS:
            await self.okta.push_group(group, ADDRESSES)

    async def _assign_again(self, address: str) -> None:
        assert self.okta is not None
        await self.okta.assign(address, "Ann", "Lee")
        for group in GROUPS:
            await self.okta.push_group(group, ADDRESSES)

    async def _mapping(self) -> str:
        """Return the id of the mapping of Sales, which is added if an earlier command removed it."""
        mappings = json.loads(await self._succeed("mapping", "list", "--json"))
        for mapping in mappings:
            if mapping["group"] == "Sales":
                return str(mapping["id"])
        await self._succeed(*SALES)
        return await self._mapping()

    async def _hold(self) -> str:
        """Let a mapped group lose all its members, and return the hash of the held removals."""
        assert self.okta is not None
        await self._mapping()
        await self.okta.push_group("Sales", ADDRESSES)
        await self.run("sync")
        await self.okta.remove_members("Sales", ADDRESSES)
        await self.run("sync")
        ran = await self.run("plan", "--json")
        assert ran.code == 3, ran
        return json.loads(ran.out)[0]["hash"]

    async def _succeed(self, *words: str) -> str:
        ran = await self.run(*words)
        assert ran.code == 0, ran
        return ran.out


def _run(words: list[str]) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    return Ran(code, out.getvalue(), err.getvalue())


@asynccontextmanager
async def installed(dsn: str, owner_dsn: str, folder: Path) -> AsyncIterator[Installation]:
    """Yield an installation on an empty database."""
    world = calcom.World(organization_id=42, api_key=KEY)
    world.add_person("owner@acme.com", name="Olive Owner", role="OWNER")
    for name, slug in (
        ("Sales", "sales"),
        ("Sales EU", "sales-eu"),
        ("Engineering", "engineering"),
    ):
        world.add_team(name, slug=slug)
    started = asyncio.get_running_loop().create_future()

    async def ready(serving: Serving) -> None:
        started.set_result(serving)

    async with (
        calcom.serve(world, simulation=calcom.Simulation(world)) as url,
        receiving() as receiver,
        aiohttp.ClientSession() as session,
    ):
        path = folder / "calscim.toml"
        path.write_text(_configuration(dsn, owner_dsn, url, receiver.url), encoding="utf-8")
        path.chmod(0o600)
        with mock.patch("calscim.logs.configure"), structlog.testing.capture_logs():
            daemon = asyncio.create_task(serve(load(path, {}), ready=ready, configuration=path))
            try:
                await asyncio.wait((daemon, started), return_when=asyncio.FIRST_COMPLETED)
                names = {
                    "TEAM": "sales",
                    "/dev/stdin": "checkpoints.jsonl",
                    ARCHIVE: str(folder / "archive"),
                }
                yield Installation(folder, session, started.result(), names=names)
            finally:
                daemon.cancel()
                await asyncio.wait((daemon,))


def _configuration(dsn: str, owner_dsn: str, calcom_url: str, webhook: str) -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"""
        [database]
        dsn = "{dsn}"
        migration_dsn = "{owner_dsn}"
        [scim]
        listen = "127.0.0.1:{port}"
        public_url = "http://127.0.0.1:{port}"
        [ops]
        listen = "127.0.0.1:0"
        [[notify]]
        name = "on-call"
        webhook = "{webhook}"
        secret = "{SECRET}"
        [[organization]]
        name = "acme"
        organization_id = 42
        api_url = "{calcom_url}"
        api_key = "{KEY}"
        requests_per_minute = 100000
        [reconcile]
        debounce = "10ms"
        """
