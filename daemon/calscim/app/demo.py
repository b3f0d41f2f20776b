"""``calscim demo``: a whole story on real parts, told step by step, each step checked against Cal.com."""

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
from calscim.planner.model import Mode, Role
from calscim.postgres.pool import Database
from calscim.reconciler.state import holds, runs
from calscim.testing.calcom import calcom
from calscim.testing.okta import client

KEY = "cal_demo"
DEADLINE = 15.0  # seconds for each step to come true
SALES, ENGINEERING, SUPPORT = "Sales", "Engineering", "Support"


class Untrue(CalscimError):  # noqa: N818 - what the demo ends with when a step did not come true
    """A step of the story did not come true: the message says which, and what Cal.com has instead."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, and what Cal.com has after it: team -> addresses."""

    title: str
    says: str
    teams: dict[str, list[str]]


Tell = Callable[[Step], None]


@dataclass(slots=True)
class Story:
    """The stage: Okta, Cal.com and what an operator types."""

    world: calcom.World
    okta: client.Okta
    db: Database
    editor: admin.Editor
    settings: Settings
    directory: admin.Directory
    tell: Tell
    steps: int = 0
    clock: SystemClock = field(default_factory=SystemClock)

    # ---------------------------------------------------------------- telling

    async def step(self, title: str, says: str, expected: Callable[[], bool]) -> None:
        """Wait until what is expected is so, then tell."""
        begun = self.clock.monotonic()
        while not expected():
            if self.clock.monotonic() - begun > DEADLINE:
                raise Untrue(f"step {self.steps + 1}, {title}: Cal.com has {self.teams()}")
            await self.clock.sleep(0.05)
        self.steps += 1
        self.tell(Step(title, says, self.teams()))

    def teams(self) -> dict[str, list[str]]:
        return {
            name: sorted(address.partition("@")[0] for address in members)
            for name, members in self.world.snapshot()["teams"].items()
        }

    def on(self, team: str, *people: str) -> Callable[[], bool]:
        return lambda: self.teams()[team] == sorted(people)

    # ---------------------------------------------------------------- doing

    async def assign(self, *names: str) -> None:
        for name in names:
            await self.okta.assign(address(name), name.capitalize(), "Example")

    async def map(self, group: str, team: str, mode: str) -> None:
        """``calscim mapping add``."""
        number = self.world.team_id(team)
        await admin.add_mapping(
            self.db,
            self.editor,
            self.directory,
            group=group,
            team=admin.TeamRef(number, team),
            role=Role.MEMBER,
            mode=Mode(mode),
        )

    async def sync(self) -> None:
        """``calscim sync``."""
        request = await runs.ask(self.db, "acme")
        while (await runs.answered(self.db, request)).complete is None:
            await self.clock.sleep(0.05)


def address(name: str) -> str:
    return f"{name}@acme.example"


async def tell(folder: Path, told: Tell) -> int:
    """Play the story in an empty folder; returns the number of steps. Untrue when one fails."""
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
        return await _beside_the_daemon(settings, world, told)


async def _beside_the_daemon(settings: Settings, world: calcom.World, told: Tell) -> int:
    serving: asyncio.Future[Serving] = asyncio.get_running_loop().create_future()

    async def ready(where: Serving) -> None:
        serving.set_result(where)

    daemon = asyncio.create_task(serve(settings, ready=ready))
    try:
        await asyncio.wait((daemon, serving), return_when=asyncio.FIRST_COMPLETED)
        if daemon.done():
            daemon.result()
        return await _with(serving.result(), settings, world, told)
    finally:
        daemon.cancel()
        await asyncio.wait((daemon,))


async def _with(where: Serving, settings: Settings, world: calcom.World, told: Tell) -> int:
    async with (
        await Database.open(where.dsn, size=4) as db,
        aiohttp.ClientSession() as session,
    ):
        editor = admin.Editor(by="calscim demo", cipher=db.cipher)
        made = await admin.create_directory(
            db, editor, organization="acme", name="Okta", provider="okta-scim-v2"
        )
        _, token = await admin.create_token(db, editor, made, name="demo")
        speaker = client.Okta(session, f"http://{where.scim}/scim/v2/{made.id}", token)
        settings = replace(settings, database=DatabaseSettings(dsn=where.dsn))
        story = Story(world, speaker, db, editor, settings, made, told)
        for chapter in CHAPTERS:
            await chapter(story)
        return story.steps


# -------------------------------------------------------------------- the chapters


async def mapped_before_the_push(story: Story) -> None:
    await story.okta.test_connection()
    await story.map("Sales EU", SALES, "managed")
    await story.assign("ann", "bob", "cem", "dan", "eve", "fay")
    await story.okta.push_group("Sales EU", [address(name) for name in ("ann", "bob", "cem")])
    await story.step(
        "Sales EU is mapped, then pushed",
        "Okta assigned six people and pushed three of them in a group that was mapped before.",
        story.on(SALES, "ann", "bob", "cem"),
    )


async def mapped_after_the_push(story: Story) -> None:
    await story.okta.push_group("Platform", [address("dan"), address("eve")])
    await story.map("Platform", ENGINEERING, "exclusive")
    await story.step(
        "Platform is pushed, then mapped",
        "The mapping takes effect at once; nobody has to push again.",
        story.on(ENGINEERING, "dan", "eve"),
    )


async def renamed(story: Story) -> None:
    await story.okta.rename_group("Sales EU", "Sales Europe")
    await story.okta.add_members("Sales Europe", [address("fay")])
    await story.step(
        "Sales EU becomes Sales Europe, and fay joins",
        "The mapping is bound to the group, not to its name.",
        story.on(SALES, "ann", "bob", "cem", "fay"),
    )


async def drift(story: Story) -> None:
    story.world.take_off_team(SALES, address("bob"))
    story.world.add_person(address("guest"), name="Gus Guest")
    story.world.put_on_team(SALES, address("guest"))
    story.world.put_on_team(ENGINEERING, address("guest"))
    await story.sync()
    await story.step(
        "Somebody edits teams by hand",
        "bob is put back. guest stays on Sales (managed leaves hand-made members alone) and is taken off "
        "Engineering (exclusive does not).",
        lambda: (
            story.on(SALES, "ann", "bob", "cem", "fay", "guest")()
            and story.on(ENGINEERING, "dan", "eve")()
        ),
    )


async def deactivated(story: Story) -> None:
    await story.okta.deactivate(address("cem"))
    await story.step(
        "cem is deactivated in Okta",
        "He loses the organization, and every team with it. His account is not deleted.",
        lambda: (
            story.on(SALES, "ann", "bob", "fay", "guest")()
            and address("cem") not in story.world.snapshot()["people"]
            and not story.world.accounts_deleted
        ),
    )


async def held(story: Story) -> None:
    await story.okta.push_group(
        "Support", [address(name) for name in ("ann", "bob", "dan", "eve", "fay")]
    )
    await story.map("Support", SUPPORT, "managed")
    await story.step(
        "Support is pushed and mapped",
        "Five people, all on the team.",
        story.on(SUPPORT, "ann", "bob", "dan", "eve", "fay"),
    )
    await story.okta.push_now("Support", [])
    await story.sync()
    waiting = await _held(story)
    await story.step(
        "Okta empties Support by mistake",
        f"Nobody is removed: {waiting.guard}. To let it happen: calscim approve {waiting.hash}",
        story.on(SUPPORT, "ann", "bob", "dan", "eve", "fay"),
    )
    await approve(story.db, story.settings, list(story.settings.organizations), waiting.hash)
    await story.step(
        "An operator approves exactly that set",
        f"calscim approve {waiting.hash}",
        story.on(SUPPORT),
    )


async def _held(story: Story) -> holds.Hold:
    current = await holds.current(story.db, "acme")
    if not current:
        raise Untrue("the emptied group's removals are not held")
    return current[0]


CHAPTERS: tuple[Callable[[Story], Awaitable[Any]], ...] = (
    mapped_before_the_push,
    mapped_after_the_push,
    renamed,
    drift,
    deactivated,
    held,
)
