"""A month leaves the journal only into a file that proves itself; everything goes on from there."""

import gzip
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from calscim.errors import StoreError, UsageError
from calscim.journal import chain, checkpoints
from calscim.journal.archive import export
from calscim.journal.archive import file as archive_file
from calscim.journal.erasure.records import Erasures
from calscim.journal.replay import rebuild
from calscim.postgres import migrations
from tests.journal.conftest import EDITOR


async def test_what_is_left_is_whole_and_begins_after_the_month(db, owning, okta, pushed, tmp_path):
    assert (await chain.verify(db)).broken == ()

    done = await export.archive(owning, EDITOR, "2020-03", tmp_path)

    verdict = await chain.verify(db)
    assert verdict.broken == ()
    assert done.rows == 4  # the directory itself, ann, bob, the group
    assert await db.fetchval("SELECT min(seq) FROM calscim.journal WHERE stream = $1", okta.id) == 4
    assert (
        verdict.rows
        == await chain.size(db)
        == await db.fetchval("SELECT count(*) FROM calscim.journal")
    )


async def test_the_file_is_the_month_and_proves_itself_without_the_database(
    owning, pushed, tmp_path
):
    rows = await owning.fetch(
        "SELECT stream, seq, hash, body, effect FROM calscim.journal WHERE at < '2020-04-01Z' ORDER BY 1, 2"
    )

    done = await export.archive(owning, EDITOR, "2020-03", tmp_path)

    lines = [json.loads(line) for line in gzip.decompress(done.file.read_bytes()).splitlines()]
    assert [(line["stream"], line["seq"], line["hash"]) for line in lines] == [
        (row["stream"], row["seq"], row["hash"].hex()) for row in rows
    ]
    assert [(line["effect_text"] or "").encode() for line in lines] == [
        row["effect"] or b"" for row in rows
    ]
    assert hashlib.sha256(done.file.read_bytes()).hexdigest() == done.digest
    assert archive_file.proven(done.file, {}, Erasures()).digest == done.digest


async def test_the_tables_still_follow_from_the_journal(db, owning, okta, pushed, tmp_path):
    assert (await rebuild.compare(db, okta)).differences == ()

    await export.archive(owning, EDITOR, "2020-03", tmp_path)
    assert (await rebuild.compare(db, okta)).differences == ()

    await export.archive(owning, EDITOR, "2020-04", tmp_path)
    assert (await rebuild.compare(db, okta)).differences == ()
    assert (await rebuild.rebuild(db, EDITOR, okta)).different == 0
    assert (await rebuild.compare(db, okta)).differences == ()


async def test_an_archived_moment_is_refused_and_a_later_one_is_shown(
    db, owning, okta, pushed, tmp_path
):
    last = await db.fetchval("SELECT max(at) FROM calscim.journal WHERE at < '2020-04-01Z'")
    await export.archive(owning, EDITOR, "2020-03", tmp_path)

    with pytest.raises(UsageError, match="was archived"):
        await rebuild.as_of(db, okta.id, last - timedelta(microseconds=1))

    then = await rebuild.as_of(db, okta.id, last)
    assert set(then.people_of(str(pushed.group))) == {str(pushed.ann), str(pushed.bob)}


async def test_the_archiving_stands_in_the_organization_s_journal(owning, okta, pushed, tmp_path):
    done = await export.archive(owning, EDITOR, "2020-03", tmp_path)

    body = json.loads(
        await owning.fetchval("SELECT body FROM calscim.journal WHERE path = 'journal.archive'")
    )
    assert (body["partition"], body["sha256"]) == ("journal_2020_03", done.digest)
    assert sorted(head["seq"] for head in body["heads"]) == [1, 3]


async def test_a_checkpoint_of_before_still_agrees(db, owning, okta, pushed, tmp_path):
    marks = await checkpoints.read_heads(db)
    done = await export.archive(owning, EDITOR, "2020-03", tmp_path)
    await export.archive(owning, EDITOR, "2020-04", tmp_path)

    assert checkpoints.read(done.checkpoint) == marks
    assert await checkpoints.verify_against(db, marks) == ()
    at_the_border = chain.Head(okta.id, 4, "00")
    (broken,) = (await chain.verify(db, {okta.id: at_the_border})).broken
    assert "rewritten" in broken.why


async def test_rows_that_are_put_back_are_found(db, owning, owner, okta, pushed, tmp_path):
    await owner.execute("CREATE TEMP TABLE kept AS SELECT * FROM calscim.journal")
    await export.archive(owning, EDITOR, "2020-03", tmp_path)

    await owner.execute(
        "INSERT INTO calscim.journal SELECT * FROM kept WHERE stream = $1 AND seq = 2", okta.id
    )

    (broken,) = (await chain.verify(db)).broken
    assert (broken.stream, broken.seq, broken.why) == (okta.id, 2, "appears before the first row")


async def test_a_month_goes_only_when_it_is_the_oldest_and_over(owning, pushed, tmp_path):
    this = await owning.fetchval("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')")

    for month, why in (
        ("2020-04", "2020-03 is still in the journal"),
        (this, "or has not ended"),
        ("2019-01", "the journal begins after 2019-01"),
        ("2020-13", "is not a month"),
        ("March", "is not a month"),
    ):
        with pytest.raises(UsageError, match=why):
            await export.archive(owning, EDITOR, month, tmp_path)

    assert list(tmp_path.iterdir()) == []


async def test_the_serving_role_cannot_archive(db, pushed, tmp_path):
    with pytest.raises(UsageError, match="only the owner"):
        await export.archive(db, EDITOR, "2020-03", tmp_path)

    for statement in ("journal_drop_partition('journal_2020_03')", "journal_move_default_rows()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(f"SELECT calscim.{statement}")


async def test_a_broken_month_is_not_dropped(owning, owner, okta, pushed, tmp_path):
    await owner.execute(
        "UPDATE calscim.journal SET body = 'eve' WHERE stream = $1 AND seq = 2", okta.id
    )
    before = await owning.fetchval("SELECT count(*) FROM calscim.journal")

    with pytest.raises(StoreError, match=r"row 2 of .* nothing was dropped"):
        await export.archive(owning, EDITOR, "2020-03", tmp_path)

    assert await owning.fetchval("SELECT count(*) FROM calscim.journal") == before


async def test_a_month_that_the_rest_does_not_follow_is_not_dropped(
    owning, owner, okta, pushed, tmp_path
):
    await owner.execute(
        "UPDATE calscim.journal SET prev_hash = '' WHERE stream = $1 AND seq = 4", okta.id
    )

    with pytest.raises(StoreError, match="does not go on"):
        await export.archive(owning, EDITOR, "2020-03", tmp_path)

    assert await owning.fetchval("SELECT min(at) < '2020-04-01Z' FROM calscim.journal")


async def test_a_file_that_lost_something_on_the_way_is_found_out(
    owning, pushed, tmp_path, monkeypatch
):
    whole = archive_file._line
    monkeypatch.setattr(archive_file, "_line", lambda row: whole(row) | {"remote": "eve"})
    before = await owning.fetchval("SELECT count(*) FROM calscim.journal")

    with pytest.raises(StoreError, match="was changed"):
        await export.archive(owning, EDITOR, "2020-03", tmp_path)

    assert await owning.fetchval("SELECT count(*) FROM calscim.journal") == before


async def test_a_folder_that_is_not_there_is_named(owning, pushed):
    with pytest.raises(StoreError, match="cannot be written"):
        await export.archive(owning, EDITOR, "2020-03", Path("/nowhere"))


async def test_a_second_month_continues_the_first_in_its_file(owning, okta, pushed, tmp_path):
    await export.archive(owning, EDITOR, "2020-03", tmp_path)
    begins = {
        row["stream"]: row["hash"].hex()
        for row in await owning.fetch("SELECT stream, hash FROM calscim.journal_archives")
    }

    done = await export.archive(owning, EDITOR, "2020-04", tmp_path)

    assert archive_file.proven(done.file, begins, Erasures()).rows == done.rows
    with pytest.raises(StoreError, match="does not continue"):
        archive_file.proven(done.file, {}, Erasures())


async def test_where_a_superuser_does_everything_archiving_is_still_possible(
    database, owning, pushed, tmp_path
):
    almighty = await asyncpg.connect(database.owner_dsn)
    await migrations.migrate(almighty, "postgres")
    await almighty.close()

    await export.archive(owning, EDITOR, "2020-03", tmp_path)

    assert (await chain.verify(owning)).broken == ()
    assert not await owning.fetchval("SELECT min(at) < '2020-04-01Z' FROM calscim.journal")


async def test_settled_rows_are_append_only_in_their_months(db, owning, pushed, tmp_path):
    await export.archive(owning, EDITOR, "2020-03", tmp_path)

    for partition in ("journal_2020_04", "journal_default"):
        for statement in ("UPDATE calscim.{} SET status = 1", "TRUNCATE calscim.{}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.execute(statement.format(partition))
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await owning.execute(
                    statement.format("journal" if "UPDATE" in statement else partition)
                )
