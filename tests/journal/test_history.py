"""The rows about a person: the person's own, those of groups, and those of the organization."""

import json
import uuid

import asyncpg
import pytest

from calscim import admin
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange
from calscim.journal import history
from calscim.journal.history import Wanted
from calscim.postgres.queries import sql
from tests.support.acme import ANN, BOB, EDITOR, Acme
from tests.support.query_plans import rows_read

LONG = 20_000


@pytest.fixture
async def acme(db):
    directory = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    made = Acme(db, directory)
    await made.happen()
    return made


async def about(acme, *ids, count=100):
    """Return (stream, sequence number) of the latest rows, which the listing of all rows has to confirm."""
    wanted = Wanted(about=list(map(str, ids)))
    latest = [(row.stream, row.seq) for row in await history.newest(acme.db, wanted, count)]
    every = [(row.stream, row.seq) async for row in history.rows(acme.db, wanted)]
    assert sorted(latest) == sorted(every) or len(latest) == count < len(every)
    return latest


def of(acme, *seqs):
    return [(acme.directory.id, seq) for seq in seqs]


async def test_rows_of_the_person_of_groups_and_of_the_organization_are_found_oldest_first(acme):
    await acme.done_in_calcom()

    assert await about(acme, acme.ann) == [*of(acme, 1, 3, 4), ("@acme", 2)]
    assert await about(acme, acme.bob) == of(acme, 2, 3)
    assert await about(acme, acme.group) == of(acme, 3)
    assert await about(acme, acme.ann, acme.bob, count=2) == [*of(acme, 4), ("@acme", 2)]


async def test_a_group_that_the_person_left_or_that_was_deleted_still_counts(acme):
    change = MemberChange(frozenset(), remove=frozenset([acme.ann]))
    await resources.update_group(acme.db, acme.origin(b""), acme.group, None, change, "", None)
    await resources.delete_group(acme.db, acme.origin(b""), acme.group, None)

    assert await about(acme, acme.ann) == of(acme, 1, 3, 4, 5)
    assert await about(acme, acme.bob) == of(acme, 2, 3)


async def test_a_push_that_names_a_deleted_person_is_found(acme):
    await resources.delete_user(acme.db, acme.origin(b""), acme.ann, None)
    late = uuid.uuid4()
    change = MemberChange(frozenset([acme.ann, acme.bob]))
    state = GroupState("Late", None, '{"displayName": "Late"}')
    await resources.create_group(acme.db, acme.origin(b""), late, state, change, "")

    assert await about(acme, acme.ann) == of(acme, 1, 3, 4, 5, 6)


async def test_a_user_whose_manager_is_the_person_is_another_subject(acme):
    await acme.put(acme.bob, BOB, manager={"value": str(acme.ann)})

    assert await about(acme, acme.ann) == of(acme, 1, 3, 4)
    assert await history.people(acme.db, ANN, None) == [str(acme.ann)]


async def test_the_rows_about_a_person_are_found_by_index(acme, database):
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("SET session_replication_role = replica")
    await owner.execute(
        "INSERT INTO calscim.journal (stream, seq, at, kind, request_id, resource_type, resource_id, body_digest,"
        " effect_digest, prev_hash, hash)"
        " SELECT $1, 10 + i, now(), 'scim', 'r', 'User', 'u' || i, '', '', '', '' FROM generate_series(1, $2::int) i",
        acme.directory.id,
        LONG,
    )
    await owner.execute("ANALYZE")

    query = f"EXPLAIN (ANALYZE, FORMAT JSON) {sql('journal.list_latest_about')}"
    plan = await owner.fetchval(query, *[None] * 6, [str(acme.ann)], 100)
    await owner.close()

    assert sum(rows_read(json.loads(plan)[0]["Plan"])) < 20
