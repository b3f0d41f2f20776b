"""Archiving that is interrupted loses nothing, and the operator can repeat it."""

import asyncio
import gzip
from dataclasses import replace
from datetime import date, datetime

import pytest

from calscim.errors import StoreError, UsageError
from calscim.journal import chain, checkpoints
from calscim.journal.archive import export
from calscim.journal.archive import file as archive_file
from calscim.journal.archive import read as archives
from calscim.journal.replay import rebuild
from calscim.postgres.queries import sql
from tests.journal.conftest import EDITOR
from tests.support.waiting import until

PATIENCE = "SET LOCAL lock_timeout = '50ms'"
LATE = """
INSERT INTO calscim.journal SELECT late.* FROM calscim.journal j,
    jsonb_populate_record(j, jsonb_build_object('stream', '@late')) late WHERE j.at < '2020-04-01Z' LIMIT 1
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation::regclass::text LIKE 'calscim.journal%'"

STEPS = (
    (archive_file.Writer, "append"),
    (archive_file.Writer, "end"),
    (archive_file, "proven"),
    (archive_file.Writer, "keep"),
    (archive_file.checkpoints, "sync_folder"),
    (export.opening_balance, "write"),
    (export.Editor, "write"),
)


class Killed(BaseException):
    """As SIGKILL: nothing that comes after it runs."""


@pytest.mark.parametrize("place", STEPS, ids=lambda place: place[1])
async def test_what_was_ended_in_between_lost_nothing_and_is_ended_by_asking_again(
    db, owning, okta, pushed, tmp_path, monkeypatch, place
):
    before = await owning.fetch("SELECT * FROM calscim.journal ORDER BY stream, seq")

    def killed(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(archive_file.Writer, "forget", lambda self: self._raw.close())
        patch.setattr(*place, killed)
        with pytest.raises(Killed):
            await export.archive(owning, EDITOR, "2020-03", tmp_path)

    assert await owning.fetch("SELECT * FROM calscim.journal ORDER BY stream, seq") == before
    assert (await chain.verify(db)).broken == ()
    done = await export.archive(owning, EDITOR, "2020-03", tmp_path)
    assert done.rows == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        done.checkpoint.name,
        done.file.name,
    ]
    assert (await chain.verify(db)).broken == ()
    assert (await archives.verify(db, [tmp_path])).broken == ()
    assert (await rebuild.compare(db, okta)).differences == ()


async def test_asking_again_after_the_end_changes_nothing(owning, pushed, tmp_path):
    done = await export.archive(owning, EDITOR, "2020-03", tmp_path)
    content = done.file.read_bytes()

    again = await export.archive(owning, EDITOR, "2020-03", tmp_path)

    assert again == replace(done, rows=None)
    assert done.file.read_bytes() == content


async def test_asking_again_tells_of_a_file_that_is_not_there_or_another(owning, pushed, tmp_path):
    done = await export.archive(owning, EDITOR, "2020-03", tmp_path)

    done.file.write_bytes(b"eve")
    with pytest.raises(StoreError, match="is not the file that 2020-03 was archived to"):
        await export.archive(owning, EDITOR, "2020-03", tmp_path)

    done.file.unlink()
    with pytest.raises(UsageError, match=r"to a file called journal-2020-03\.jsonl\.gz"):
        await export.archive(owning, EDITOR, "2020-03", tmp_path)


async def test_the_file_of_another_database_is_not_written_over(owning, pushed, tmp_path):
    with gzip.open(tmp_path / "journal-2020-03.jsonl.gz", "wb"):
        pass

    with pytest.raises(UsageError, match="contains another journal"):
        await export.archive(owning, EDITOR, "2020-03", tmp_path)

    assert gzip.decompress((tmp_path / "journal-2020-03.jsonl.gz").read_bytes()) == b""


async def test_only_one_archives_at_a_time(owning, owner, pushed, tmp_path):
    async with owner.transaction():
        await owner.execute("SELECT pg_advisory_xact_lock(x'63616c7363696d33'::bigint)")

        with pytest.raises(UsageError, match="already"):
            await export.archive(owning, EDITOR, "2020-03", tmp_path)


async def test_a_transaction_that_does_not_end_is_not_waited_for(
    db, owning, pushed, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        export, "sql", lambda name: {"archives.limit_lock_wait": PATIENCE}.get(name) or sql(name)
    )

    async with db.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE calscim.journal IN ROW EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="stayed in use; nothing was dropped"):
            await export.archive(owning, EDITOR, "2020-03", tmp_path)

    assert (await export.archive(owning, EDITOR, "2020-03", tmp_path)).rows == 4


async def test_a_row_that_comes_at_the_last_moment_is_not_lost(owning, owner, pushed, tmp_path):
    await owning.execute("SELECT calscim.journal_move_default_rows()")

    async with owner.transaction():
        await owner.execute(LATE)
        archiving = asyncio.create_task(export.archive(owning, EDITOR, "2020-03", tmp_path))
        await until(lambda: owner.fetchval(WAITING))
    with pytest.raises(StoreError, match="nothing was dropped"):
        await archiving

    assert await owner.fetchval("SELECT count(*) FROM calscim.journal WHERE stream = '@late'") == 1


@pytest.mark.parametrize(
    ("now", "over"),
    [("2020-04-01T00:59:59+00:00", False), ("2020-04-01T01:00:00+00:00", True)],
)
async def test_a_month_is_over_an_hour_after_its_end(owning, pushed, now, over):
    moment = datetime.fromisoformat(now)

    month = await owning.fetchrow(
        sql("archives.get_month"), date(2020, 3, 1), "journal_2020_03", moment
    )
    closed = await owning.fetch(sql("archives.list_closed_months"), 0, moment)

    assert month["over"] is over
    assert [row["month"] for row in closed] == (["2020-03"] if over else [])


@pytest.fixture
async def seen(db, pushed):
    """Return a checkpoint of each row."""
    rows = await db.fetch("SELECT stream, seq, encode(hash, 'hex') AS hash FROM calscim.journal")
    return [chain.Head(row["stream"], row["seq"], row["hash"]) for row in rows]


@pytest.fixture
async def dropping(db, owning, okta, pushed, tmp_path, monkeypatch, owner):
    """Archive a month up to the moment between the drop and the commit; return a function for the rest.

    The function takes a coroutine that reads the journal, waits until Postgres lets it wait for the archiving, ends
    the archiving, and returns the coroutine's result.
    """
    dropped, go_on = asyncio.Event(), asyncio.Event()
    write = export.Editor.write

    async def held(self, *arguments):
        dropped.set()
        await go_on.wait()
        return await write(self, *arguments)

    monkeypatch.setattr(export.Editor, "write", held)
    archiving = asyncio.create_task(export.archive(owning, EDITOR, "2020-03", tmp_path))
    await dropped.wait()

    async def meanwhile(reading):
        task = asyncio.create_task(reading)
        await until(lambda: owner.fetchval(WAITING))
        go_on.set()
        assert (await archiving).rows == 4
        return await asyncio.wait_for(task, 30)

    return meanwhile


async def test_a_verification_that_waits_for_archiving_finds_the_journal_intact(dropping, db):
    verdict = await dropping(chain.verify(db))

    assert verdict.broken == ()


async def test_a_checkpoint_that_is_compared_during_archiving_agrees(seen, dropping, db):
    assert await dropping(checkpoints.verify_against(db, seen)) == ()
