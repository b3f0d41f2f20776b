"""What a pass reads of the journal does not grow with the journal."""

import json

import asyncpg
import pytest

from calscim import admin
from calscim.postgres.queries import sql
from tests.support.query_plans import rows_read
from tests.support.stage import EDITOR

ROWS = 100_000  # from about this size on, the planner would rather read all of them
UNREAD = 3


@pytest.fixture
async def journal(database, db):
    """Connect as the owner to a directory with a long journal, of which the last rows are unread."""
    directory = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("SET session_replication_role = replica")
    await owner.execute(
        """
        INSERT INTO calscim.journal (stream, seq, at, kind, request_id, method, path, status, remote, resource_type,
            resource_id, body, effect, body_digest, effect_digest, prev_hash, hash)
        SELECT $1, i, now(), 'scim', 'r' || i, 'PUT', '/Users/x', 200, '192.0.2.1', 'User', 'u' || i, '{}', '{}',
            '', '', '', ''
        FROM generate_series(1, $2::integer) i
        """,
        directory.id,
        ROWS,
    )
    await owner.execute(
        "UPDATE calscim.journal_heads SET seq = $2 WHERE stream = $1", directory.id, ROWS
    )
    await owner.execute(sql("journal_offsets.advance"), "acme", directory.id, ROWS - UNREAD)
    await owner.execute("ANALYZE")
    yield owner
    await owner.close()


async def test_only_the_unread_rows_of_a_long_journal_are_read(journal):
    for name in ("list_unprocessed", "count_unprocessed"):
        query = sql(f"journal_offsets.{name}")
        plan = await journal.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", "acme", 10_000)

        assert sum(rows_read(json.loads(plan)[0]["Plan"])) <= 2 * UNREAD
