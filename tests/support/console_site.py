"""Serves the console in the test process, with a simulated Cal.com, and browsers that are only an HTTP client."""

import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from calscim import admin
from calscim.admin.console_access import ConsoleRole, create_link, link_url
from calscim.clock import Clock, SystemClock
from calscim.config import Console, Database, Oidc, Organization, Settings
from calscim.config.effective import effective_keys
from calscim.console.compose import compose
from calscim.console.services import SERVICES, Services
from calscim.encryption import PLAIN
from calscim.planner.safeguards.limits import Guards
from calscim.postgres import pool
from calscim.testing.calcom import calcom
from tests.support.stage import Stage

KEY = "cal_console"
EDITOR = admin.Editor(by="ada", cipher=PLAIN)


@dataclass
class Answer:
    """A page as a browser shows it."""

    status: int
    text: str
    url: str
    headers: dict[str, str]

    @property
    def title(self) -> str:
        """The text of the first heading."""
        found = re.search(r"<h1>(.*?)</h1>", self.text, re.DOTALL)
        return "" if found is None else found[1]


@dataclass
class Browser:
    """A client with cookies. Forms get the token of the session, as a page's form has it."""

    site: "Site"
    session: aiohttp.ClientSession
    form_token: str = ""

    async def open(self, path: str | URL, *, follow: bool = True, **headers: str) -> Answer:
        """Open a page."""
        url = path if str(path).startswith("http") else f"{self.site.url}{path}"
        async with self.session.get(url, headers=headers, allow_redirects=follow) as response:
            return await self._answer(response)

    async def send(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        """Send a form with the token of the session."""
        data = {"form_token": self.form_token, **(form or {})}
        async with self.session.post(self.site.url + path, data=data, headers=headers) as response:
            return await self._answer(response)

    async def _answer(self, response: aiohttp.ClientResponse) -> Answer:
        text = await response.text()
        if found := re.search(r'name="form_token" value="([^"]+)"', text):
            self.form_token = found[1]
        return Answer(response.status, text, str(response.url), dict(response.headers))

    @property
    def cookies(self) -> dict[str, str]:
        """The values of the cookies by name."""
        return {one.key: one.value for one in self.session.cookie_jar}


@dataclass
class Site:
    """A console, and what is behind it."""

    url: str
    db: pool.Database
    settings: Settings
    world: calcom.World
    simulation: calcom.Simulation
    services: Services
    stack: AsyncExitStack
    directories: dict[str, admin.Directory] = field(default_factory=dict)

    async def browser(self) -> Browser:
        """Return a browser without a session."""
        jar = aiohttp.CookieJar(unsafe=True)  # the address is an IP address
        session = await self.stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        return Browser(self, session)

    async def link(self, role: str = "admin", person: str = "ann@acme.example") -> str:
        """Return a link that signs in once."""
        console = self.settings.console
        assert console is not None
        return link_url(console, await create_link(self.db, person, ConsoleRole(role)))

    async def signed_in(self, role: str = "admin", person: str = "ann@acme.example") -> Browser:
        """Return a browser that has signed in with a link."""
        made = await self.browser()
        await made.open(await self.link(role, person))
        return made

    async def directory(self, name: str = "Okta") -> admin.Directory:
        """Create a directory."""
        made = await admin.create_directory(
            self.db, EDITOR, organization="acme", name=name, provider="okta-scim-v2"
        )
        self.directories[name] = made
        return made


def free_port() -> int:
    """Return a port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _organization(stack: AsyncExitStack) -> tuple[Organization, calcom.Simulation]:
    world = calcom.World(api_key=KEY)
    world.add_person("owner@acme.example", name="Olive Owner", role="OWNER")
    for name in ("Sales", "Engineering"):
        world.add_team(name, slug=name.lower())
    simulation = calcom.Simulation(world)
    address = await stack.enter_async_context(calcom.serve(world, simulation=simulation))
    organization = Organization(
        "acme",
        organization_id=world.organization_id,
        api_key=KEY,
        api_url=address,
        requests_per_minute=100_000,
    )
    return organization, simulation


@asynccontextmanager
async def console_site(
    db: pool.Database,
    *,
    oidc: Oidc | None = None,
    clock: Clock | None = None,
    stage: Stage | None = None,
    **console: Any,
) -> AsyncIterator[Site]:
    """Serve a console with one organization, its owner, and the teams Sales and Engineering.

    ``stage``: the organization of a stage, on which tests run passes.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        organization, simulation = (
            await _organization(stack) if stage is None else (stage.organization, stage.simulation)
        )
        listen = f"127.0.0.1:{free_port()}"
        url = f"http://{listen}"
        console = {"public_url": url, **console}
        configured = Console(listen=listen, oidc=oidc, **console)
        settings = Settings(
            Database(dsn="postgresql://calscim@localhost/calscim"),
            organizations=(organization,),
            console=configured,
            guards=Guards() if stage is None else stage.settings.guards,
        )
        http = await stack.enter_async_context(aiohttp.ClientSession())
        made = compose(
            configured,
            db,
            http,
            clock,
            running=lambda: settings,
            effective=lambda: list(effective_keys(settings, lambda _: "default")),
        )
        known = made[SERVICES]
        runner = web.AppRunner(made, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        host, port = listen.split(":")
        await web.TCPSite(runner, host, int(port)).start()
        yield Site(url, db, settings, simulation.world, simulation, known, stack)
