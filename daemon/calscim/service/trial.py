"""``calscim run``: everything with nothing prepared, to try calscim or to develop against it.

A bundled Postgres in a folder, a simulated Cal.com that remembers its state there as well, one directory
and two mappings. Where an organization is configured, that one is used instead of the simulation.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from calscim.core.model import Incomplete, Mode, Role
from calscim.service.daemon import Serving, serve
from calscim.service.inspect import reading
from calscim.settings import Organization, Settings
from calscim.sim import calcom as simulated
from calscim.store import admin
from calscim.store.encryption import cipher_of
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
    groups: tuple[str, ...]  # mapped to teams of the same name


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
    if not world.accounts:
        world.add_person("owner@acme.example", name="Olive Owner", role="OWNER")
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
        cipher = cipher_of(settings.journal)
        async with await Database.open(serving.dsn, size=2, cipher=cipher) as db:
            trial = await _prepare(db, settings, calcom, folder, serving)
        tell(trial)

    await serve(settings, ready=ready)


async def _prepare(
    db: Database, settings: Settings, calcom: str | None, folder: Path, serving: Serving
) -> Trial:
    """One directory with a token, and where Cal.com is simulated a mapping for each team."""
    organization = settings.organizations[0]
    known = {directory.name: directory for directory in await admin.directories(db)}
    if DIRECTORY in known:
        directory = known[DIRECTORY].id
        token = _remembered(folder / "token", str)
    else:
        editor = admin.Editor(by="calscim run", cipher=db.cipher)
        made = await admin.create_directory(
            db, editor, organization=organization.name, name=DIRECTORY, provider="okta-scim-v2"
        )
        _, fresh = await admin.create_token(db, editor, made, name="run")
        directory, token = made.id, _remembered(folder / "token", lambda: fresh)
        for team in await _teams(settings, organization):
            await admin.add_mapping(
                db,
                editor,
                made,
                group=team.name,
                team=team,
                role=Role.MEMBER,
                mode=Mode.MANAGED,
            )
    return Trial(
        base_url=f"{_public_url(settings, serving)}/scim/v2/{directory}",
        token=token,
        organization=organization.name,
        calcom=calcom,
        groups=tuple(mapping.group_name for mapping in await admin.mappings(db)),
    )


async def _teams(settings: Settings, organization: Organization) -> list[admin.TeamRef]:
    """The first two teams: each gets a mapping from a group of its name."""
    async with reading(settings, organization) as reader:
        found = await reader.teams()
    if isinstance(found, Incomplete):
        return []
    teams = sorted(found.value.values(), key=lambda team: team.id)
    return [admin.TeamRef(team.id, team.name) for team in teams[: len(TEAMS)]]


def _public_url(settings: Settings, serving: Serving) -> str:
    """What was configured, unless the port was left to the system."""
    if settings.scim.listen.endswith(":0"):
        return f"http://{serving.scim}"
    return settings.scim.public_url


def _remembered(path: Path, make: Callable[[], str]) -> str:
    """The secret in a file that only its owner can read, made at the first call."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(make(), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()
