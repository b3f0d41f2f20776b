"""Databases as the release before left them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import pytest

from calscim.postgres import migrations as migrate
from tests.conftest import Database
from tests.support.server import OWNER, PREFIX, Server
from tests.upgrades.release import KEPT


@pytest.fixture
def kept() -> dict[str, Any]:
    """What the release before made of the story's first act."""
    return json.loads((KEPT / "calls.json").read_text(encoding="utf-8"))


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def empty(postgres: Server) -> AsyncIterator[Database]:
    """A database with nothing in it."""
    name = f"{PREFIX}_upgrade"
    admin = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    await admin.execute(f"CREATE DATABASE {name}")
    yield Database(postgres.dsn(name), postgres.dsn(name, OWNER))
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def previous(empty: Database) -> Database:
    """A database with the schema and the rows of the release before."""
    owner = await asyncpg.connect(empty.owner_dsn)
    released = json.loads((KEPT / "migrations.json").read_text(encoding="utf-8"))
    for migration in migrate.migrations()[: len(released)]:
        await owner.execute(migration.text)
        await owner.execute(
            "INSERT INTO calscim.schema_version (version, name) VALUES ($1, $2)",
            migration.version,
            migration.name,
        )
    await owner.execute(
        "GRANT USAGE ON SCHEMA calscim TO calscim; GRANT SELECT ON ALL TABLES IN SCHEMA calscim TO calscim"
    )
    await owner.execute((KEPT / "data.sql").read_text(encoding="utf-8"))
    await owner.close()
    return empty


async def migrated(database: Database) -> None:
    """Bring it up to date."""
    owner = await asyncpg.connect(database.owner_dsn)
    await migrate.migrate(owner, "calscim")
    await owner.close()
