"""Fixtures for a directory with users, and for a journal that is older than the test."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from calscim import admin
from calscim.postgres.pool import Database
from tests.support.acme import EDITOR, Acme

FRESH = datetime.fromisoformat("2021-01-01T00:00:00+00:00")
TIMES = {
    "users": ("created_at", "updated_at"),
    "groups": ("created_at", "updated_at"),
    "members": ("at",),
    "former_members": ("at",),
    "tombstones": ("at",),
}

Age = Callable[[str], Awaitable[None]]


@pytest.fixture
async def owning(database):
    async with await Database.open(database.owner_dsn) as opened:
        yield opened


@pytest.fixture
async def okta(db):
    return await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )


@pytest.fixture
async def acme(db, okta):
    acme = Acme(db, okta)
    await acme.happen()
    return acme


@pytest.fixture
async def left(acme):
    """Ann is deactivated, and calscim has removed her from Cal.com."""
    await acme.deactivate()
    await acme.done_in_calcom()
    return acme


@pytest.fixture
def age(owner) -> Age:
    """Return a function that moves everything written since its last call to a time before 2021, with a valid chain."""

    async def age(moment: str) -> None:
        start = datetime.fromisoformat(moment)
        first = await owner.fetchval("SELECT min(at) FROM calscim.journal WHERE at > $1", FRESH)
        async with owner.transaction():
            heads = await owner.fetch("SELECT stream FROM calscim.journal_heads WHERE seq > 0")
            for (stream,) in heads:
                await chain(stream, first - start)
            for table, columns in TIMES.items():
                for column in columns:
                    await owner.execute(
                        f"UPDATE calscim.{table} SET {column} = {column} - $1::interval WHERE {column} > $2",
                        first - start,
                        FRESH,
                    )

    async def chain(stream: str, older) -> None:
        archived = (
            "SELECT hash FROM calscim.journal_archives WHERE stream = $1 ORDER BY seq DESC LIMIT 1"
        )
        before = await owner.fetchval(archived, stream) or bytes(32)
        rows = await owner.fetch(
            "SELECT seq, at, hash FROM calscim.journal WHERE stream = $1 ORDER BY seq", stream
        )
        for row in rows:
            if row["at"] < FRESH:
                before = row["hash"]
                continue
            before = await owner.fetchval(
                "UPDATE calscim.journal SET at = at - $3::interval, prev_hash = $4, hash = sha256($4 || convert_to("
                "calscim.journal_header(stream, seq, at - $3::interval, kind, request_id, method, path, status,"
                " remote, token_id, resource_type, resource_id, body_digest, effect_digest), 'UTF8'))"
                " WHERE stream = $1 AND seq = $2 RETURNING hash",
                stream,
                row["seq"],
                older,
                before,
            )
        await owner.execute(
            "UPDATE calscim.journal_heads SET hash = $2, at = CASE WHEN at > $4 THEN at - $3::interval ELSE at END"
            " WHERE stream = $1",
            stream,
            before,
            older,
            FRESH,
        )

    return age
