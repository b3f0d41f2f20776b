"""``calscim demo``: a daemon, a scripted Okta and a simulated Cal.com; each step is checked against Cal.com."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from calscim import admin
from calscim.admin.approve import approve
from calscim.app.daemon import Serving, serve
from calscim.clock import SystemClock
from calscim.config import Database as DatabaseSettings
from calscim.config import Ops, Organization, Reconcile, Scim, Settings
from calscim.errors import CalscimError
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.postgres.pool import Database
from calscim.reconciler.state import holds, passes
from calscim.testing.calcom import calcom
from calscim.testing.okta import client

KEY = "cal_demo"
DEADLINE = 15.0  # seconds in which each step must happen
SALES, ENGINEERING, SUPPORT = "Sales", "Engineering", "Support"


class StepError(CalscimError):
    """A step of the demo did not happen: the message says which, and what Cal.com has instead."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, and what Cal.com has after it: people by team."""

    title: str
    description: str
    teams: dict[str, list[str]]


Show = Callable[[Step], None]


@dataclass(slots=True)
class Demo:
    """Okta, Cal.com and what an operator types. ``show`` is called after each step."""

    world: calcom.World
    okta: client.Okta
    db: Database
    editor: admin.Editor
    settings: Settings
    directory: admin.Directory
    show: Show
    steps: int = 0
    clock: SystemClock = field(default_factory=SystemClock)

    # ---------------------------------------------------------------- checking

    async def step(self, title: str, description: str, happened: Callable[[], bool]) -> None:
        """Wait until the step has happened, then show it. Raise StepError after DEADLINE."""
        begun = self.clock.monotonic()
        while not happened():
            if self.clock.monotonic() - begun > DEADLINE:
                raise StepError(f"step {self.steps + 1}, {title}: Cal.com has {self.teams()}")
            await self.clock.sleep(0.05)
        self.steps += 1
        self.show(Step(title, description, self.teams()))

    def teams(self) -> dict[str, list[str]]:
        """Return the people of each team in Cal.com, by name."""
        return {
            name: sorted(address.partition("@")[0] for address in members)
            for name, members in self.world.snapshot()["teams"].items()
        }

    def has(self, team: str, *people: str) -> Callable[[], bool]:
        """Return a check that the team has exactly these people."""
        return lambda: self.teams()[team] == sorted(people)

    # ---------------------------------------------------------------- acting

    async def assign(self, *names: str) -> None:
        """Assign people to the app in Okta."""
        for name in names:
            await self.okta.assign(address(name), name.capitalize(), "Example")

    async def map(self, group: str, team: str, mode: str) -> None:
        """Do as ``calscim mapping add``."""
        team_id = self.world.team_id(team)
        await admin.add_mapping(
            self.db,
            self.editor,
            admin.draft(
                self.directory,
                group=group,
                team=admin.TeamRef(team_id, team),
                role=Role.MEMBER,
                mode=Mode(mode),
            ),
        )

    async def sync(self) -> None:
        """Do as ``calscim sync``."""
        request = await passes.request_sync(self.db, "acme")
        while (await passes.load_answer(self.db, request)).complete is None:
            await self.clock.sleep(0.05)


def address(name: str) -> str:
    """Return the e-mail address of a person in the demo."""
    return f"{name}@acme.example"


async def play(folder: Path, show: Show) -> int:
    """Play the demo in an empty folder and return the number of steps. Raise StepError if one does not happen."""
    world = calcom.World(organization_id=42, api_key=KEY)
    world.add_person(address("owner"), name="Olive Owner", role="OWNER")
    for name in (SALES, ENGINEERING, SUPPORT):
        world.add_team(name, slug=name.lower())
    async with calcom.serve(world) as url:
        settings = Settings(
            database=DatabaseSettings(embedded=folder / "postgres"),
            scim=Scim(listen="127.0.0.1:0", trusted_proxies=("127.0.0.1",)),
            ops=Ops(listen="127.0.0.1:0"),
            organizations=(
                Organization(name="acme", organization_id=42, api_key=KEY, api_url=url),
            ),
            reconcile=Reconcile(debounce=0.05),
        )
        return await _play_with_daemon(settings, world, show)


async def _play_with_daemon(settings: Settings, world: calcom.World, show: Show) -> int:
    serving: asyncio.Future[Serving] = asyncio.get_running_loop().create_future()

    async def ready(started: Serving) -> None:
        serving.set_result(started)

    daemon = asyncio.create_task(serve(settings, ready=ready))
    try:
        await asyncio.wait((daemon, serving), return_when=asyncio.FIRST_COMPLETED)
        if daemon.done():
            daemon.result()
        return await _play_steps(serving.result(), settings, world, show)
    finally:
        daemon.cancel()
        await asyncio.wait((daemon,))


async def _play_steps(serving: Serving, settings: Settings, world: calcom.World, show: Show) -> int:
    async with (
        await Database.open(serving.dsn, size=4) as db,
        aiohttp.ClientSession() as session,
    ):
        editor = admin.Editor(by="calscim demo", cipher=db.cipher)
        directory = await admin.create_directory(
            db, editor, organization="acme", name="Okta", provider="okta-scim-v2"
        )
        _, token = await admin.create_token(db, editor, directory, name="demo")
        okta = client.Okta(session, f"http://{serving.scim}/scim/v2/{directory.id}", token)
        settings = replace(settings, database=DatabaseSettings(dsn=serving.dsn))
        demo = Demo(world, okta, db, editor, settings, directory, show)
        for chapter in CHAPTERS:
            await chapter(demo)
        return demo.steps


# -------------------------------------------------------------------- the chapters


async def map_before_push(demo: Demo) -> None:
    await demo.okta.test_connection()
    await demo.map("Sales EU", SALES, "managed")
    await demo.assign("ann", "bob", "cem", "dan", "eve", "fay")
    await demo.okta.push_group("Sales EU", [address(name) for name in ("ann", "bob", "cem")])
    await demo.step(
        "Sales EU is mapped, then pushed",
        "Okta assigned six people and pushed three of them in a group that was mapped before.",
        demo.has(SALES, "ann", "bob", "cem"),
    )


async def map_after_push(demo: Demo) -> None:
    await demo.okta.push_group("Platform", [address("dan"), address("eve")])
    await demo.map("Platform", ENGINEERING, "exclusive")
    await demo.step(
        "Platform is pushed, then mapped",
        "The mapping takes effect at once, without another push.",
        demo.has(ENGINEERING, "dan", "eve"),
    )


async def rename(demo: Demo) -> None:
    await demo.okta.rename_group("Sales EU", "Sales Europe")
    await demo.okta.add_members("Sales Europe", [address("fay")])
    await demo.step(
        "Sales EU becomes Sales Europe, and fay joins",
        "The mapping is bound to the group, not to its name.",
        demo.has(SALES, "ann", "bob", "cem", "fay"),
    )


async def correct_drift(demo: Demo) -> None:
    demo.world.take_off_team(SALES, address("bob"))
    demo.world.add_person(address("guest"), name="Gus Guest")
    demo.world.put_on_team(SALES, address("guest"))
    demo.world.put_on_team(ENGINEERING, address("guest"))
    await demo.sync()
    await demo.step(
        "An admin of Cal.com edits teams by hand",
        "bob is put back. guest stays on Sales (managed leaves hand-made members alone) and is taken off "
        "Engineering (exclusive does not).",
        lambda: (
            demo.has(SALES, "ann", "bob", "cem", "fay", "guest")()
            and demo.has(ENGINEERING, "dan", "eve")()
        ),
    )


async def deactivate(demo: Demo) -> None:
    await demo.okta.deactivate(address("cem"))
    await demo.step(
        "cem is deactivated in Okta",
        "cem is removed from the organization and all its teams. The account is not deleted.",
        lambda: (
            demo.has(SALES, "ann", "bob", "fay", "guest")()
            and address("cem") not in demo.world.snapshot()["people"]
            and not demo.world.accounts_deleted
        ),
    )


async def hold_and_approve(demo: Demo) -> None:
    await demo.okta.push_group(
        "Support", [address(name) for name in ("ann", "bob", "dan", "eve", "fay")]
    )
    await demo.map("Support", SUPPORT, "managed")
    await demo.step(
        "Support is pushed and mapped",
        "All five people come onto the team.",
        demo.has(SUPPORT, "ann", "bob", "dan", "eve", "fay"),
    )
    await demo.okta.push_now("Support", [])
    await demo.sync()
    hold = await _current_hold(demo)
    await demo.step(
        "Okta empties Support by mistake",
        f"No one is removed: {hold.guard}. To allow it: calscim approve {hold.hash}",
        demo.has(SUPPORT, "ann", "bob", "dan", "eve", "fay"),
    )
    await approve(demo.db, demo.settings, list(demo.settings.organizations), hold.hash)
    await demo.step(
        "An operator approves exactly that set",
        f"calscim approve {hold.hash}",
        demo.has(SUPPORT),
    )


async def _current_hold(demo: Demo) -> holds.Hold:
    current = await holds.load_current(demo.db, "acme")
    if not current:
        raise StepError("the removals of the emptied group are not held")
    return current[0]


CHAPTERS: tuple[Callable[[Demo], Awaitable[Any]], ...] = (
    map_before_push,
    map_after_push,
    rename,
    correct_drift,
    deactivate,
    hold_and_approve,
)
