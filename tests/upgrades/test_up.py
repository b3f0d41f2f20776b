"""An upgrade from the frozen release loses nothing, and the synchronization continues."""

import json
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from calscim import admin
from calscim.errors import StoreError
from calscim.journal import chain
from calscim.journal.replay import rebuild
from calscim.postgres import migrations
from calscim.postgres.pool import Database
from calscim.testing.okta.client import Okta
from tests import conftest
from tests.support.deployment import deployed
from tests.support.waiting import until
from tests.upgrades.conftest import migrated
from tests.upgrades.release import ROOT, fingerprints
from tests.upgrades.story import Story

TABLES = (
    "users",
    "user_emails",
    "groups",
    "members",
    "mappings",
    "account_links",
    "ledger",
    "actions",
)


def test_released_migrations_have_not_changed(frozen: Path) -> None:
    released = json.loads((frozen / "migrations.json").read_text(encoding="utf-8"))

    now = fingerprints(ROOT / "sql/migrations")

    assert {name: now.get(name) for name in released} == released


async def rows(database: conftest.Database) -> dict[str, list[str]]:
    """Return the rows of each table as JSON."""
    async with await Database.open(database.dsn, size=1) as db:
        return {
            table: [
                row["id"]
                for row in await db.fetch(f"SELECT to_jsonb(t)::text AS id FROM calscim.{table} t")
            ]
            for table in TABLES
        }


def columns(found: dict[str, list[str]], like: dict[str, list[str]]) -> dict[str, list[Any]]:
    """Return the rows of each table, sorted, with only the columns that ``like`` has."""
    return {
        table: sorted(
            (
                {
                    name: value
                    for name, value in json.loads(row).items()
                    if name in json.loads(like[table][0])
                }
                for row in lines
            ),
            key=str,
        )
        for table, lines in found.items()
    }


async def test_a_migration_keeps_every_row(previous: conftest.Database) -> None:
    before = await rows(previous)

    await migrated(previous)

    assert all(before.values())
    after = columns(await rows(previous), before)
    expected = columns(before, before)
    names = {group["id"]: group["display_name"] for group in expected["groups"]}
    for mapping in expected["mappings"]:  # the migration sets these to the names of the groups
        mapping["group_name"] = names.get(mapping["group_id"], mapping["group_name"])
    assert after == expected


async def test_the_journal_verifies_and_a_rebuild_gives_the_same_tables_after_a_migration(
    previous: conftest.Database,
) -> None:
    await migrated(previous)

    async with await Database.open(previous.dsn) as db:
        verdict = await chain.verify(db)
        compared = [await rebuild.compare(db, one) for one in await admin.directories(db)]

    assert not verdict.broken and verdict.rows > 30
    assert [one.different for one in compared] == [0]


async def test_pushes_after_a_migration_reach_cal_com(
    previous: conftest.Database,
    kept: dict[str, Any],
    frozen: Path,
    tmp_path: Path,
    session: aiohttp.ClientSession,
) -> None:
    await migrated(previous)
    memory = Path(shutil.copy(frozen / "calcom.json", tmp_path))

    async with deployed(tmp_path, previous.dsn, previous.dsn, prepared=True, memory=memory) as site:
        site.directory, site.token = kept["directory"], kept["token"]
        before = site.teams()
        daemon = await site.start()
        await until(lambda: daemon.events("reconcile.pass"), 30)
        assert (site.teams(), site.simulation.writes) == (before, [])

        okta = Okta(session, site.base_url(daemon), site.token)
        okta.users, okta.groups, okta.members = kept["users"], kept["groups"], kept["members"]
        story = Story(okta, set(kept["inactive"]), kept["group_of"])
        await story.second_act()

        await until(lambda: site.teams() == story.teams(), 60)


async def test_this_release_refuses_a_schema_that_was_not_migrated(
    outdated: conftest.Database,
) -> None:
    async with (
        await Database.open(outdated.owner_dsn, size=1) as db,
        db.connection() as connection,
    ):
        with pytest.raises(StoreError, match="run `calscim migrate`"):
            await migrations.check(connection)
