"""The frozen release on the present schema: its queries and calls give the same results as before."""

import base64
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from calscim import admin
from calscim.journal import chain
from calscim.journal.replay import rebuild
from calscim.postgres.pool import Database
from calscim.postgres.queries import queries_in
from calscim.testing.okta.client import Okta
from tests import conftest
from tests.support.deployment import EDITOR, deployed
from tests.support.waiting import until
from tests.upgrades.conftest import migrated
from tests.upgrades.release import check_out
from tests.upgrades.story import Story, prepare


@pytest.fixture(scope="session")
def queries(frozen: Path) -> dict[str, str]:
    return queries_in(frozen / "queries")


async def test_each_query_of_the_previous_release_can_be_prepared(
    pool: asyncpg.Pool, queries: dict[str, str]
) -> None:
    async with pool.acquire() as connection:
        for name, text in queries.items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}")


async def test_each_call_of_the_previous_release_gives_the_same_result(
    db: Database, kept: dict[str, Any], queries: dict[str, str]
) -> None:
    directory = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    token, _ = await admin.create_token(db, EDITOR, directory, name="before")

    for _, *columns, tokens, bodies, details, expected in kept["calls"]:
        found = await db.fetch(
            queries["changes.apply"],
            directory.id,
            *columns,
            [token.id] * len(tokens),
            [base64.b64decode(body) for body in bodies],
            details,
        )
        assert [{"status": row["status"], "skipped": row["skipped"]} for row in found] == expected

    people = await db.fetch(
        "SELECT user_name, active FROM calscim.users WHERE directory_id = $1", directory.id
    )
    assert {row["user_name"] for row in people} >= set(kept["users"])
    assert {row["user_name"] for row in people if not row["active"]} == set(kept["inactive"])
    members = await db.fetch(
        "SELECT g.display_name, u.user_name FROM calscim.members m JOIN calscim.groups g ON g.id = m.group_id "
        "JOIN calscim.users u ON u.id = m.member_id"
    )
    assert {tuple(row) for row in members} == {
        (group, email) for group, emails in kept["members"].items() for email in emails
    }
    assert not (await chain.verify(db)).broken
    assert (await rebuild.compare(db, directory)).different == 0


async def test_a_daemon_of_the_previous_release_runs_during_the_migration_until_this_release_takes_over(
    empty: conftest.Database, frozen: Path, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    release = await check_out(frozen, tmp_path / "release")
    if release is None:
        pytest.skip("the git history does not contain the release: use a full clone")
    async with deployed(tmp_path, empty.dsn, empty.dsn, prepared=True) as site:
        site.source, site.migration_dsn = str(release / "daemon"), empty.owner_dsn
        site.configure()
        await site.calscim("migrate")
        await prepare(site)
        old = await site.start()
        okta = Okta(session, site.base_url(old), site.token)
        story = Story(okta)
        await story.first_act()

        await migrated(empty)
        await story.second_act()
        await until(lambda: site.teams() == story.teams(), 60)

        site.source = ""
        new = await site.start()
        okta.base_url = site.base_url(new)
        assert await old.terminate() == 0
        await story.third_act()
        await until(lambda: site.teams() == story.teams() | {"Support": set()}, 60)
    async with await Database.open(empty.dsn) as db:
        assert not (await chain.verify(db)).broken
        assert [
            (await rebuild.compare(db, one)).different for one in await admin.directories(db)
        ] == [0]
