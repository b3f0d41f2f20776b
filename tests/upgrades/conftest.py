"""Fixtures: the frozen release, and databases with its schema and rows."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from calscim.postgres import migrations as migrate
from tests.conftest import Database
from tests.support.server import OWNER, PREFIX, Server
from tests.upgrades.release import PREVIOUS, ROOT


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the frozen release. Before the first release, the present tree is frozen into a new folder."""
    if PREVIOUS.exists():
        return PREVIOUS
    folder = tmp_path_factory.mktemp("frozen") / "previous"
    subprocess.run(
        [sys.executable, "-m", "tests.upgrades.freeze", folder],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": f"{ROOT / 'daemon'}{os.pathsep}{ROOT}"}, check=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def kept(frozen: Path) -> dict[str, Any]:
    """The calls of the story's first act, and their results in the frozen release."""
    return json.loads((frozen / "calls.json").read_text(encoding="utf-8"))


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def empty(postgres: Server) -> AsyncIterator[Database]:
    """A database without the schema of calscim."""
    name = f"{PREFIX}_upgrade"
    admin = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    await admin.execute(f"CREATE DATABASE {name}")
    yield Database(postgres.dsn(name), postgres.dsn(name, OWNER))
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def previous(empty: Database, frozen: Path) -> Database:
    """A database with the schema and the rows of the frozen release."""
    owner = await asyncpg.connect(empty.owner_dsn)
    released = json.loads((frozen / "migrations.json").read_text(encoding="utf-8"))
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
    await owner.execute((frozen / "data.sql").read_text(encoding="utf-8"))
    await owner.close()
    return empty


@pytest.fixture
def outdated(empty: Database) -> Database:
    """A database that lacks all migrations."""
    return empty


async def migrated(database: Database) -> None:
    """Migrate the database to the present schema."""
    owner = await asyncpg.connect(database.owner_dsn)
    await migrate.migrate(owner, "calscim")
    await owner.close()
