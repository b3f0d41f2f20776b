"""A month leaves the journal only into a file that proves itself; everything goes on from there."""

import asyncio
import gzip
import hashlib
import json
import re
import uuid
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from calscim.admin import Editor
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange, UserState
from calscim.encryption import PLAIN
from calscim.errors import StoreError, UsageError
from calscim.journal import chain, checkpoints
from calscim.journal.append import Origin
from calscim.journal.archive import export
from calscim.journal.archive import file as archive_file
from calscim.journal.archive import read as archives
from calscim.journal.erasure.records import Erasures
from calscim.journal.replay import rebuild
from calscim.postgres import migrations
from calscim.postgres.queries import sql
from tests.support.waiting import until

EDITOR = Editor(by="ada", cipher=PLAIN)
PATIENCE = "SET LOCAL lock_timeout = '50ms'"
LATE = """
INSERT INTO calscim.journal SELECT late.* FROM calscim.journal j,
    jsonb_populate_record(j, jsonb_build_object('stream', '@late')) late WHERE j.at < '2020-04-01Z' LIMIT 1
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation::regclass::text LIKE 'calscim.journal%'"


class Pushed:
    """Ann and Bob, of whom Bob goes; a group with Ann."""

    def __init__(self, db, directory):
        self.db, self.origin = db, Origin(directory.id, "r", body=b'{"pushed": "\xc3\xa4"}')
        self.ann, self.bob, self.group = (uuid.uuid4() for _ in range(3))

    async def user(self, key, name):
        data = json.dumps({"userName": name, "n": 12345678901234567890.5})
        state = UserState(name, None, f"{name}@acme.example", (f"{name}@acme.example",), True, data)
        await resources.create_user(self.db, self.origin, key, state, "")

    async def first(self):
        await self.user(self.ann, "ann")
        await self.user(self.bob, "bob")
        await resources.create_group(
            self.db,
            replace(self.origin, body=b"\xff\x00 no text"),
            self.group,
            GroupState("Sales", None, '{"displayName": "Sales"}'),
            MemberChange(frozenset([self.ann, self.bob])),
            "",
        )

    async def second(self):
        await resources.delete_user(self.db, self.origin, self.bob)


@pytest.fixture
async def pushed(db, okta, age):
    """One month of pushes, another one, and what came since."""
    pushed = Pushed(db, okta)
    await pushed.first()
    await age("2020-03-15T12:00:00+00:00")
    await pushed.second()
    await age("2020-04-15T12:00:00+00:00")
    await pushed.user(uuid.uuid4(), "cleo")
    return pushed


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
        (this, "is not over"),
        ("2019-01", "there is no 2019-01"),
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


# ------------------------------------------------------------------ ended in between

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
        with pytest.raises(StoreError, match="in use all the time; nothing was dropped"):
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


# ------------------------------------------------------------------ from the files


@pytest.fixture
async def files(owning, pushed, tmp_path):
    """Both months, archived."""
    return [
        (await export.archive(owning, EDITOR, month, tmp_path)).file
        for month in ("2020-03", "2020-04")
    ]


async def test_the_files_are_walked_from_the_first_row_to_where_the_database_goes_on(
    db, files, tmp_path
):
    verdict = await archives.verify(db, [tmp_path])

    assert verdict == await archives.verify(db, files)
    assert (verdict.files, verdict.rows, verdict.broken) == (2, 5, ())


async def test_a_file_that_is_not_given_is_named(db, files):
    with pytest.raises(UsageError, match=r"journal-2020-04\.jsonl\.gz is not among"):
        await archives.verify(db, files[:1])
    with pytest.raises(UsageError, match="does not exist"):
        await archives.opened(db, [files[0].with_name("nowhere")])


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        (
            lambda lines: [line.replace(b"ann@", b"eve@") for line in lines],
            "an effect that does not match",
        ),
        (lambda lines: lines[:1] + lines[2:], "does not continue|stands after"),
        (lambda lines: lines[:-1], "is not where"),
        (
            lambda lines: [line.replace(b'"remote":""', b'"remote":"1"') for line in lines],
            "changed",
        ),
        (lambda lines: [line + b" " for line in lines], "bytes"),
    ],
)
async def test_a_file_that_was_changed_is_found(db, okta, files, tmp_path, tamper, why):
    lines = gzip.decompress(files[0].read_bytes()).splitlines()
    files[0].write_bytes(gzip.compress(b"\n".join(tamper(lines)) + b"\n"))

    (broken,) = (await archives.verify(db, [tmp_path])).broken

    assert re.search(why, broken.why)
    with pytest.raises(StoreError, match="is not the file that was written"):
        await archives.opened(db, [tmp_path])


async def test_half_a_file_is_no_archive(db, files, tmp_path):
    files[0].write_bytes(files[0].read_bytes()[:-20])

    with pytest.raises(UsageError, match="is not a complete archive"):
        await archives.verify(db, [tmp_path])


async def test_everything_is_rebuilt_from_the_files_alone(db, owning, okta, files, tmp_path):
    opened = await archives.opened(db, [tmp_path])
    await owning.execute("DELETE FROM calscim.opening_balances")

    assert (await rebuild.compare(db, okta)).different > 0
    assert (await rebuild.compare(db, okta, opened)).differences == ()
    assert (await rebuild.rebuild(db, EDITOR, okta, opened)).different == 0


async def test_an_archived_moment_is_shown_from_the_files(db, okta, pushed, files, tmp_path):
    opened = await archives.opened(db, [tmp_path])
    moment = datetime.fromisoformat("2020-04-01T00:00:00+00:00")

    then = await rebuild.as_of(db, okta.id, moment, opened)

    assert set(then.people_of(str(pushed.group))) == {str(pushed.ann), str(pushed.bob)}


async def test_what_archived_months_came_to_is_the_owner_s(db, files):
    for statement in (
        "INSERT INTO calscim.opening_balances VALUES ('x', 'Gone', 'x', 1, '{}')",
        "UPDATE calscim.opening_balances SET state = '{}'",
        "DELETE FROM calscim.opening_balances",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(statement)
