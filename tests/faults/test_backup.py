"""A journal that was dumped and restored is the same, can be verified, and is still append-only."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from calscim.journal import chain
from calscim.postgres import migrations
from calscim.postgres.pool import Database
from tests import conftest
from tests.support.cluster import restore, run
from tests.support.server import OWNER, Server

APPEND = (
    "SELECT calscim.append_row($1, 'scim', $2, 'POST', '/Users', 201, '::1', 1, 'User', $2, $3, $4)"
)


@pytest.fixture
async def restored(
    database: conftest.Database, postgres: Server, tmp_path: Path
) -> AsyncIterator[conftest.Database]:
    """Three streams of ten rows, dumped and restored into a database of another name."""
    async with await Database.open(database.dsn) as store:
        for number in range(30):
            body = f'{{"name": "Zoë {number}\\u0000"}}'.encode()
            stream = f"directory{number % 3}"
            await store.fetchval(APPEND, stream, f"request-{number}", body, b"{}")
    dump = tmp_path / "calscim.dump"
    await run("pg_dump", "-Fc", "-f", dump, "-d", database.owner_dsn)
    admin = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    await admin.execute(f"CREATE DATABASE {database.name}_restored")
    copy = conftest.Database(
        postgres.dsn(f"{database.name}_restored"), postgres.dsn(f"{database.name}_restored", OWNER)
    )
    await restore(dump, copy.owner_dsn)
    yield copy
    await admin.execute(f"DROP DATABASE {database.name}_restored WITH (FORCE)")
    await admin.close()


async def test_the_restored_journal_verifies_with_the_same_heads(
    database: conftest.Database, restored: conftest.Database
) -> None:
    async with (
        await Database.open(database.dsn) as before,
        await Database.open(restored.dsn) as now,
    ):
        expected = await chain.verify(before)

        found = await chain.verify(now)

    assert found == expected
    assert found.rows == 30 and not found.broken


async def test_new_rows_continue_the_restored_journal(restored: conftest.Database) -> None:
    async with await Database.open(restored.dsn) as store:
        seq = await store.fetchval(APPEND, "directory0", "after", b"{}", b"{}")

        verdict = await chain.verify(store)

    assert seq == 11
    assert not verdict.broken


async def test_the_restored_journal_is_still_append_only(restored: conftest.Database) -> None:
    async with await Database.open(restored.dsn) as store:
        for refused in (
            "UPDATE calscim.journal SET status = 500",
            "DELETE FROM calscim.journal",
            "TRUNCATE calscim.journal",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await store.execute(refused)


async def test_the_restored_schema_is_up_to_date(restored: conftest.Database) -> None:
    async with await Database.open(restored.dsn) as store, store.connection() as connection:
        assert await migrations.pending(connection) == []
