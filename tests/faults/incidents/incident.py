"""Play one incident against real daemons and record what an operator gets: messages, alerts, status, the end."""

import asyncio
import io
import re
import shlex
import signal
import textwrap
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import aiohttp
import asyncpg
import structlog

from calscim.cli import main
from calscim.clock import SystemClock
from calscim.notify.message import Message, as_text
from calscim.testing.calcom.calcom import Fault, Simulation, World
from calscim.testing.okta.client import Okta
from tests.faults.incidents.normal import Normal
from tests.support import alerts
from tests.support.deployment import Daemon, Deployment, deployed
from tests.support.proxy import Proxy
from tests.support.receivers import SECRET, Receiver, receiving
from tests.support.server import OWNER, Server, by_way_of
from tests.support.waiting import until

HOUR = 3600.0
PATIENCE = 60.0  # seconds to wait for what an incident brings about, on a busy machine
_LIMITS = """
[[notify]]
name = "on-call"
webhook = "{url}"
secret = "{secret}"
unreachable_after = "0s"
parked_after = "0s"
"""


def address(name: str) -> str:
    return f"{name}@acme.example"


def addresses(*names: str) -> list[str]:
    return [address(name) for name in names]


class Incident:
    """One incident at one organization. ``text`` is its record in Markdown."""

    def __init__(
        self,
        site: Deployment,
        proxy: Proxy,
        owner_dsn: str,
        receiver: Receiver,
        session: aiohttp.ClientSession,
    ) -> None:
        self.site = site
        self.proxy = proxy  # between the daemons and Postgres
        self.owner_dsn = owner_dsn
        self.receiver = receiver
        self.session = session
        self._normal = Normal(site)
        self._parts: list[str] = []
        self._scrapes: list[alerts.Scrape] = []
        self._okta: Okta | None = None

    @property
    def world(self) -> World:
        """The simulated Cal.com, for edits by hand."""
        return self.site.world

    @property
    def simulation(self) -> Simulation:
        return self.site.simulation

    @property
    def daemon(self) -> Daemon:
        """The daemon that was started first."""
        return self.site.daemons[0]

    @property
    def okta(self) -> Okta:
        assert self._okta is not None, "start() comes first"
        return self._okta

    @property
    def text(self) -> str:
        return "\n\n".join(self._parts)

    # ---------------------------------------------------------------- setup

    def configure(self, changes: Mapping[str, str] | None = None, *, more: str = "") -> None:
        """Write the configuration of the daemons, with these replacements and lines."""
        self.site.configure()
        text = textwrap.dedent(self.site.configuration.read_text(encoding="utf-8"))
        for old, new in (changes or {}).items():
            assert old in text, old
            text = text.replace(old, new)
        channel = _LIMITS.format(url=self.receiver.url, secret=SECRET)
        self.site.configuration.write_text(f"{text}{more}{channel}", encoding="utf-8")

    async def start(self, *people: str, team: str = "Sales") -> None:
        """Start a daemon; Okta pushes a mapped group of these people, and they are in the team."""
        daemon = await self.site.start()
        self._okta = Okta(self.session, self.site.base_url(daemon), self.site.token)
        for name in people:
            await self.okta.assign(address(name), name.capitalize(), "Example")
        if people:
            await self.okta.push_group(team, addresses(*people))
            await until(lambda: set(addresses(*people)) <= self.site.teams()[team], PATIENCE)
        await until(self._has_been_read, PATIENCE)

    async def push_in_vain(self, name: str) -> None:
        """Let Okta send a user who gets an error, and send it again; record the status of the answers."""
        answers = []
        for _ in range(3):  # Prometheus sees no increase in a series that has just begun
            async with self.session.post(
                f"{self.okta.base_url}/Users",
                json={"userName": address(name), "active": True},
                headers={"Authorization": f"Bearer {self.site.token}"},
            ) as response:
                answers.append(response.status)
            await self.scrape()
        assert len(set(answers)) == 1, answers
        self.say(f"Okta pushes {name}, gets {answers[0]}, and tries again later.")

    async def new_token(self) -> None:
        """Create another token and let Okta use it."""
        _, out = await asyncio.to_thread(self._run, "token create Okta")
        self.site.token = self.okta.token = out.split()[-1]
        self._record_verb("token create Okta", out.splitlines())

    def reload(self) -> None:
        """Reload the first daemon, as ``systemctl reload calscim`` does."""
        self.daemon.process.send_signal(signal.SIGHUP)

    async def as_owner(self, *statements: str) -> None:
        """Run these statements as the owner of the database, past the proxy."""
        connection = await asyncpg.connect(self.owner_dsn)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    async def ends_with(self, name: str) -> None:
        """Let Okta push a person again; record that no alert fires once the person is in Cal.com."""
        await self.okta.assign(address(name), name.capitalize(), "Example")
        await until(lambda: address(name) in self.world.snapshot()["people"], PATIENCE)
        self.say(f"Okta pushes {name} again, and {name} is in Cal.com.")
        await self.alerts()

    def fail(self, *faults: Fault) -> None:
        """Replace the faults of Cal.com; without arguments Cal.com works again."""
        self.simulation.faults = list(faults)

    # ---------------------------------------------------------------- what the operator gets

    def say(self, *sentences: str) -> None:
        """Add a paragraph."""
        self._parts.append(textwrap.fill(" ".join(sentences), 120))

    async def message(self, type_: str) -> dict[str, Any]:
        """Wait for a notification of this type, record its text, and return its data."""
        body = await self.receiver.received(type_, PATIENCE)
        title, text = as_text([Message(UUID(int=0), type_, SystemClock().now(), body["data"])])
        self._record(f"The notification `{type_}`:", "text", f"{title}\n{text}")
        return body["data"]

    async def calscim(self, line: str, *, only: str = "") -> str:
        """Run a verb and record its output. ``only``: record the lines that contain this text."""
        code, out = await asyncio.to_thread(self._run, line)
        self._record_verb(line, [row for row in out.splitlines() if only in row], code)
        return out

    async def status(self, *words: str) -> None:
        """Wait until ``calscim status`` shows each of these texts, and record the lines that contain them."""

        async def shown() -> str | None:
            _, out = await asyncio.to_thread(self._run, "status")
            return out if all(word in out for word in words) else None

        out = await until(shown, PATIENCE)
        self._record_verb("status", _rows_with(out, words))

    async def scrape(self) -> None:
        """Read the metrics of all daemons."""
        pages = {daemon.ops: await self._page(daemon) for daemon in self.site.daemons}
        self._scrapes.append(alerts.scrape(pages))

    async def alerts(self, *names: str, lasting: float = 0.0) -> None:
        """Wait until exactly these alerts fire, and record them with their runbooks; without names, that none fires.

        No alert fires: once what has happened is older than the ranges of the rules.
        ``lasting``: seconds for which the state has lasted when Prometheus evaluates the rules.
        """

        if not names:
            self._scrapes.clear()
            await self.scrape()

        found: list[alerts.Alert] = []

        async def as_expected() -> bool:
            await self.scrape()
            found[:] = alerts.firing(self._scrapes, time.time() + lasting)
            return {one.name for one in found} == set(names)

        try:
            await until(as_expected, PATIENCE)
        except TimeoutError:
            raise AssertionError(f"not {names}, but {[one.name for one in found]}") from None
        if found:
            self._parts.append("Alerts: " + ", ".join(map(_linked, found)) + ".")
        else:
            self._parts.append("No alert fires.")

    # ---------------------------------------------------------------- internals

    async def _has_been_read(self) -> bool:
        """Return True if the metrics know of a complete pass."""
        self._scrapes.clear()
        await self.scrape()
        complete = self._scrapes[-1].get("calscim_last_complete_pass_timestamp_seconds", {})
        return any(complete.values())

    async def _page(self, daemon: Daemon) -> str | None:
        try:
            async with self.session.get(
                f"{daemon.ops}/metrics", timeout=aiohttp.ClientTimeout(2)
            ) as response:
                return await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return None

    def _run(self, line: str) -> tuple[int, str]:
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch("calscim.logs.configure"),
            structlog.testing.capture_logs(),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = main(["--config", str(self.site.configuration), *shlex.split(line)])
        return code, err.getvalue() + out.getvalue()

    def _record_verb(self, line: str, rows: list[str], code: int = 0) -> None:
        end = [f"# exit code {code}"] if code else []
        # The widths of columns depend on names of this machine.
        narrow = (re.sub(r"(?<=\S) {2,}", "  ", row.rstrip()) for row in rows)
        block = "\n".join([f"$ calscim {line}", *narrow, *end])
        self._record("", "console", block)

    def _record(self, title: str, language: str, block: str) -> None:
        lead = f"{title}\n\n" if title else ""
        self._parts.append(self._normal(f"{lead}```{language}\n{block}\n```"))


def _rows_with(out: str, words: tuple[str, ...]) -> list[str]:
    """Return the lines with one of these words, and the header of each table that such a line is in."""
    rows = []
    for block in out.split("\n\n"):
        first, *others = block.splitlines() or [""]
        found = [row for row in others if any(word in row for word in words)]
        is_table = first.startswith(("organization ", "directory "))
        if any(word in first for word in words) or (found and is_table):
            rows.append(first)
        rows += found
    return rows


def _linked(alert: alerts.Alert) -> str:
    name = f"`{alert.name}`"
    if alert.runbook:
        name = f"[{name}](../{alert.runbook.removeprefix('docs/')})"
    return f"{name} ({alert.severity})"


@asynccontextmanager
async def open_incident(server: Server, database: str, folder: Path) -> AsyncIterator[Incident]:
    """Yield an incident on an empty, migrated database of this name."""
    direct = server.dsn(database)
    async with (
        Proxy(server.address) as proxy,
        deployed(folder, by_way_of(direct, proxy.port), direct, interval="1s") as site,
        receiving() as receiver,
        aiohttp.ClientSession() as session,
    ):
        incident = Incident(site, proxy, server.dsn(database, OWNER), receiver, session)
        incident.configure()
        yield incident
