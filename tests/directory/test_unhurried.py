"""What reads for long is not ended by the server for being idle in between, as a client that was lost is."""

from datetime import datetime

import pytest

from calscim import admin
from calscim.admin import Editor
from calscim.encryption import PLAIN
from calscim.errors import StoreUnavailable
from calscim.journal import chain, history
from calscim.journal.archive import export
from calscim.journal.history import Wanted
from calscim.postgres import hosts
from calscim.postgres.pool import Database

EDITOR = Editor(by="ada", cipher=PLAIN)
WHILE = "SELECT pg_sleep(0.3)"


@pytest.fixture
async def strict(database, monkeypatch):
    """A database whose server has little patience with idle transactions."""
    monkeypatch.setitem(hosts._SETTINGS, "idle_in_transaction_session_timeout", "50ms")
    async with await Database.open(database.owner_dsn) as opened:
        await admin.create_directory(
            opened, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
        )
        yield opened


async def test_an_idle_transaction_is_ended_otherwise(strict, owner):
    with pytest.raises(StoreUnavailable):
        async with strict.connection() as connection, connection.transaction():
            await owner.execute(WHILE)
            await connection.execute("SELECT 1")


async def test_an_export_may_be_read_slowly(strict, owner):
    async for row in history.rows(strict, Wanted()):
        await owner.execute(WHILE)
        assert row.seq == 1


async def test_the_chain_may_be_walked_slowly(strict, owner, monkeypatch):
    walk = chain._Piece.walk

    async def slowly(self, connection, progress):
        await owner.execute(WHILE)
        await walk(self, connection, progress)

    monkeypatch.setattr(chain._Piece, "walk", slowly)

    assert (await chain.verify(strict)).rows == 1


async def test_a_month_may_take_long_to_be_written(strict, owner, age, tmp_path, monkeypatch):
    await age("2020-03-15T12:00:00+00:00")
    write = export._write

    async def slowly(db, first, writer):
        await owner.execute(WHILE)
        await write(db, first, writer)

    monkeypatch.setattr(export, "_write", slowly)

    done = await export.archive(strict, EDITOR, "2020-03", tmp_path)

    assert done.rows == 1
    assert await strict.fetchval("SELECT min(at) FROM calscim.journal") > datetime.fromisoformat(
        "2020-04-01T00:00:00+00:00"
    )
