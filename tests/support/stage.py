"""A whole organization in one process: SCIM over HTTP, the real Postgres, the simulated Cal.com, the reconciler.

A test runs each pass itself (``full`` and ``push``), and so knows when the pass has ended.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import aiohttp
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from calscim import admin
from calscim.admin.plan_preview import inspect
from calscim.app.wiring import reconciler_of
from calscim.clock import SystemClock
from calscim.config import Database as DatabaseSettings
from calscim.config import Organization, Scim, Settings
from calscim.directory import token_uses
from calscim.encryption import PLAIN
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.planner.safeguards.limits import Guards
from calscim.postgres.pool import Database
from calscim.reconciler.calcom_client import client
from calscim.reconciler.dirty_set import collect_dirty_set
from calscim.reconciler.reconcile import Reconciler
from calscim.reconciler.report import Report
from calscim.reconciler.state import leases, passes
from calscim.reconciler.state.leases import Lease
from calscim.scim.metrics import Metrics
from calscim.scim.server import app
from calscim.scim.token_uses import TokenUses
from calscim.testing.calcom import calcom
from calscim.testing.okta.client import Okta

KEY = "cal_secret"
EDITOR = admin.Editor(by="test", cipher=PLAIN)


@dataclass
class Stage:
    """One organization. ``okta`` pushes to SCIM, ``world`` is Cal.com, ``full`` and ``push`` run passes."""

    db: Database
    settings: Settings
    world: calcom.World
    okta: Okta
    directory: admin.Directory
    session: aiohttp.ClientSession
    lease: Lease
    simulation: calcom.Simulation
    uses: TokenUses
    reconciler: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        self.reconciler = self.make_cycle()

    @property
    def organization(self) -> Organization:
        return self.settings.organizations[0]

    async def full(self) -> Report:
        return await self.reconciler.run_full(lambda: False)

    async def push(self) -> Report | None:
        """Run an incremental pass over the changes since the last pass; return None if there are none."""
        unread = await passes.load_unread(self.db, "acme")
        news = collect_dirty_set(unread.news)
        return (
            await self.reconciler.run_incremental(news, unread.reached, lambda: False)
            if news
            else None
        )

    async def map(
        self, group: str, team: int | str | None, mode: str, role: str = "MEMBER"
    ) -> None:
        """Add a mapping. ``team``: an id, the name of a team to create, or None for the organization itself."""
        await admin.add_mapping(
            self.db,
            EDITOR,
            admin.draft(
                self.directory,
                group=group,
                team=admin.TeamRef(team, str(team))
                if team is None or isinstance(team, int)
                else admin.TeamRef(None, team, new=True),
                role=Role(role),
                mode=Mode(mode),
            ),
        )

    async def restart(self) -> None:
        """Continue with a new lease and reconciler, as if another process took over."""
        await leases.release(self.db, self.lease)
        self.lease = await take_lease(self.db, "another")
        self.reconciler = self.make_cycle()

    def make_cycle(self) -> Reconciler:
        calls = client(
            self.session,
            self.settings,
            self.organization,
            SystemClock(),
            tracing=self.db.tracing,
        )
        return reconciler_of(
            self.db, self.settings, self.organization, calls, SystemClock(), self.lease
        )

    async def record_token_uses(self) -> None:
        """Record the use of tokens, as the daemon does every minute."""
        await token_uses.record(self.db, self.uses.take())

    async def plan(self):
        return (await inspect(self.db, self.settings, self.organization)).plan

    def team_id(self, name: str) -> int:
        return self.world.team_id(name)

    @property
    def editor(self) -> admin.Editor:
        return EDITOR

    async def given(self, name: str, mode: str, *people: str) -> None:
        """Map a group to the team of the same name, push it with these people, and run a full pass."""
        await self.map(name, self.team_id(name), mode)
        emails = [f"{person}@acme.example" for person in people]
        for email, person in zip(emails, people, strict=True):
            await self.okta.assign(email, person.capitalize(), "Example")
        await self.okta.push_group(name, emails)
        await self.full()
        assert set(emails) <= set(self.team(name))

    def organize(self, **changes: Any) -> None:
        """Change settings of the organization."""
        organization = replace(self.organization, **changes)
        self.settings = replace(self.settings, organizations=(organization,))
        self.reconciler = self.make_cycle()

    def reconcile(self, **changes: Any) -> None:
        """Change settings of [reconcile]."""
        self.settings = replace(
            self.settings, reconcile=replace(self.settings.reconcile, **changes)
        )
        self.reconciler = self.make_cycle()

    def guard(self, **changes: Any) -> None:
        """Change settings of [guards]."""
        self.settings = replace(self.settings, guards=replace(self.settings.guards, **changes))
        self.reconciler = self.make_cycle()

    async def another_directory(self, name: str) -> Okta:
        made = await admin.create_directory(
            self.db, EDITOR, organization="acme", name=name, provider="okta-scim-v2"
        )
        _, token = await admin.create_token(self.db, EDITOR, made, name="test")
        base = self.okta.base_url.rpartition("/")[0]
        return Okta(self.session, f"{base}/{made.id}", token)

    def people(self) -> dict[str, str]:
        """Return the organization role of each person in Cal.com, by address."""
        roles: dict[str, str] = self.world.snapshot()["people"]
        return roles

    def team(self, name: str) -> dict[str, str]:
        return self.world.snapshot()["teams"][name]


@asynccontextmanager
async def staged(
    db: Database, make: Callable[..., calcom.World] = calcom.World
) -> AsyncIterator[Stage]:
    """Yield a stage with one owner and two teams, on an empty database."""
    world = make(organization_id=42, api_key=KEY)
    world.add_person("owner@acme.example", name="Olive Owner", role="OWNER")
    world.add_team("Sales", slug="sales")
    world.add_team("Engineering", slug="engineering")
    simulation = calcom.Simulation(world)
    async with (
        calcom.serve(world, simulation=simulation) as url,
        aiohttp.ClientSession() as session,
        _lasting_leases(),
    ):
        organization = Organization(
            name="acme", organization_id=42, api_key=KEY, api_url=url, requests_per_minute=100_000
        )
        settings = Settings(
            database=DatabaseSettings(dsn="postgresql://unused"),
            organizations=(organization,),
            guards=Guards(window=0.0),  # limits apply to each pass; tests of the window set one
        )
        made = await admin.create_directory(
            db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
        )
        _, token = await admin.create_token(db, EDITOR, made, name="test")
        lease = await take_lease(db, "test")
        uses = TokenUses()
        server = TestServer(app(db, Scim(), SystemClock(), Metrics(CollectorRegistry()), uses))
        await server.start_server()
        base = str(server.make_url(f"/scim/v2/{made.id}"))
        speaker = Okta(session, base, token)
        stage = Stage(db, settings, world, speaker, made, session, lease, simulation, uses)
        yield stage
        await server.close()


async def take_lease(db: Database, holder: str) -> Lease:
    """Take the lease of the organization, which no other daemon holds."""
    lease = await leases.take(db, "acme", holder)
    assert lease is not None
    return lease


@asynccontextmanager
async def _lasting_leases() -> AsyncIterator[None]:
    """Let leases outlast the test, however slow the machine is: no daemon renews them."""
    with patch.object(leases, "DURATION", 3600.0):
        yield


PEOPLE = ("ann", "bob", "cem", "dan", "eve")


def address(name):
    return f"{name}@acme.example"


def addresses(*names):
    return [address(name) for name in names]


async def assigned(stage, *names):
    for name in names or PEOPLE:
        await stage.okta.assign(address(name), name.capitalize(), "Example")
