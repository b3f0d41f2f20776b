"""``calscim run``: everything with nothing prepared, to try calscim or to develop against it.

A bundled Postgres in a folder, a simulated Cal.com that remembers its state there as well, one directory
and two mappings. Where an organization is configured, that one is used instead of the simulation.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from calscim.core.model import Mode, Role
from calscim.service.daemon import Serving, serve
from calscim.settings import Organization, Settings
from calscim.sim import calcom as simulated
from calscim.store import admin
from calscim.store.pool import Database

ORGANIZATION = "acme"
DIRECTORY = "Okta trial"
TEAMS = ("Sales", "Engineering")


@dataclass(frozen=True, slots=True)
class Trial:
    """What a person needs to begin."""

    base_url: str
    token: str
    organization: str
    calcom: str | None  # the simulation's address, if it is one
    group: str
    team: str


async def run(settings: Settings, folder: Path, tell: Callable[[Trial], None]) -> None:
    """Serve until a signal; ``tell`` is called once, when everything answers."""
    folder.mkdir(parents=True, exist_ok=True)
    if settings.database.dsn is None and settings.database.embedded is None:
        settings = replace(
            settings, database=replace(settings.database, embedded=folder / "postgres")
        )
    if settings.organizations:
        await _serve(settings, None, folder, tell)
        return
    async with _simulation(folder) as (url, organization):
        await _serve(replace(settings, organizations=(organization,)), url, folder, tell)


@asynccontextmanager
async def _simulation(folder: Path) -> AsyncIterator[tuple[str, Organization]]:
    key = _remembered(folder / "calcom.key", lambda: f"cal_{secrets.token_hex(16)}")
    world = simulated.World.remembered(folder / "calcom.json", organization_id=42, api_key=key)
    if not world.people:
        world.add_person("owner@acme.example", name="Olive Owner", role=Role.OWNER)
        for name in TEAMS:
            world.add_team(name, slug=name.lower())
    async with simulated.serve(world) as url:
        yield (
            url,
            Organization(name=ORGANIZATION, organization_id=42, api_key=key, api_url=url),
        )


async def _serve(
    settings: Settings, calcom: str | None, folder: Path, tell: Callable[[Trial], None]
) -> None:
    async def ready(serving: Serving) -> None:
        async with await Database.open(serving.dsn, size=2) as db:
            trial = await _prepare(db, settings, calcom, folder, serving)
        tell(trial)

    await serve(settings, ready=ready)
