"""A checkpoint shows that the chain was rewritten, and its file is complete or the previous one."""

import os
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import orjson
import pytest

from calscim.errors import StoreError, UsageError
from calscim.journal import checkpoints
from calscim.journal.checkpoints import Head

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
APPEND = "SELECT calscim.append_row($1, 'admin', 'r', '', 'x', 0, '', NULL, '', '', 'body', NULL)"


@pytest.fixture
async def journal(db):
    for stream in ("@acme", "@beta", "@acme"):
        await db.fetchval(APPEND, stream)


async def test_a_checkpoint_names_every_stream_s_head(db, journal):
    heads_seen = await checkpoints.read_heads(db)

    heads = await db.fetch(
        "SELECT stream, seq, hash, at FROM calscim.journal_heads ORDER BY stream"
    )
    assert heads_seen == tuple(Head(h["stream"], h["seq"], h["hash"].hex(), h["at"]) for h in heads)
    assert [head.seq for head in heads_seen] == [2, 1]


async def test_a_journal_that_only_grew_agrees(db, journal):
    heads_seen = await checkpoints.read_heads(db)
    await db.fetchval(APPEND, "@acme")
    await db.fetchval(APPEND, "@new")

    assert await checkpoints.verify_against(db, heads_seen) == ()
    assert await checkpoints.verify_against(db, ()) == ()


async def test_a_rewritten_chain_differs_from_the_checkpoint(db, owner, journal):
    heads_seen = await checkpoints.read_heads(db)
    await owner.execute(
        "TRUNCATE calscim.journal; DELETE FROM calscim.journal_heads WHERE stream = '@acme'"
    )
    await db.fetchval(APPEND, "@acme")
    await db.fetchval(APPEND, "@acme")

    found = await checkpoints.verify_against(db, heads_seen)

    assert [(one.stream, one.seq) for one in found] == [("@acme", 2), ("@beta", 1)]
    assert "rewritten" in found[0].why
    assert "is missing" in found[1].why


async def test_what_was_archived_is_held_against_its_own_mark(db, owner, journal):
    heads_seen = await checkpoints.read_heads(db)
    earlier = Head("@acme", 1, "00")
    await owner.execute(
        "INSERT INTO calscim.journal_archives SELECT stream, seq, at, hash, 'p', 'f', '' FROM calscim.journal_heads"
    )
    await owner.execute("DELETE FROM calscim.journal")

    assert await checkpoints.verify_against(db, [earlier, *heads_seen]) == ()
    (found,) = await checkpoints.verify_against(db, [Head("@acme", 2, "00")])
    assert "rewritten" in found.why


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO calscim.journal_archives VALUES ('s', 1, now(), '', '', '', '')",
        "UPDATE calscim.journal_archives SET seq = 1",
        "DELETE FROM calscim.journal_archives",
        "TRUNCATE calscim.journal_archives",
    ],
)
async def test_the_serving_role_cannot_say_that_something_was_archived(db, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await db.execute(statement)


async def test_a_file_gives_back_what_was_written(db, journal, tmp_path):
    heads_seen = await checkpoints.read_heads(db)
    path = tmp_path / "checkpoint.json"

    checkpoints.write(path, heads_seen)

    assert checkpoints.read(path) == heads_seen
    assert orjson.loads(path.read_bytes())["heads"][0].keys() == {"stream", "seq", "hash", "at"}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.json"
    checkpoints.write(path, [Head("@acme", 1, "aa")])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*has space"):
        checkpoints.write(path, [Head("@acme", 2, "bb")])

    assert checkpoints.read(path) == (Head("@acme", 1, "aa"),)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="nowhere"):
        checkpoints.write(tmp_path / "nowhere" / "checkpoint.json", [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"heads": 1}',
        '{"heads": [{}]}',
        '{"heads": [1]}',
        "no\nlog",
        '{"a": 1}\n[]',
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, text):
    path = tmp_path / "checkpoint.json"
    path.write_text(text)

    with pytest.raises(UsageError, match="is not a checkpoint"):
        checkpoints.read(path)


def test_of_a_file_of_many_all_marks_are_read_and_a_line_that_was_cut_off_is_not(tmp_path: Path):
    path = tmp_path / "heads.jsonl"
    first, second = Head("@acme", 1, "aa", NOON), Head("@acme", 2, "bb", NOON)
    path.write_bytes(
        checkpoints.to_json_line([first], NOON, "one")
        + b'{"at":"2026-03-01T12:00:00Z","by":"one","hea\n'
        + checkpoints.to_json_line([first, second], NOON, "two")
    )

    assert checkpoints.read(path) == (first, first, second)


def test_the_log_is_a_checkpoint_too(tmp_path: Path):
    path = tmp_path / "calscim.log"
    path.write_text(
        '{"event": "service.ready", "level": "info"}\n'
        '{"event": "checkpoint.published", "stream": "@acme", "seq": 1, "hash": "aa", "level": "info"}\n'
        "Traceback (most recent call last):\n"
        '{"stream": "okta", "seq": 7, "hash": "bb", "event": "checkpoint.published", "timestamp": "x"}\n'
    )

    assert checkpoints.read(path) == (Head("@acme", 1, "aa"), Head("okta", 7, "bb"))


async def test_more_marks_than_go_into_one_query_are_all_looked_up(db, journal, monkeypatch):
    monkeypatch.setattr(checkpoints, "_BATCH", 2)
    heads_seen = await checkpoints.read_heads(db)
    wrong = [Head("@acme", 1, "00"), Head("@beta", 1, "00"), Head("@beta", 9, "00")]

    assert await checkpoints.verify_against(db, [*heads_seen, *heads_seen]) == ()
    found = await checkpoints.verify_against(db, [*heads_seen, *wrong])
    assert [(one.stream, one.seq) for one in found] == [("@acme", 1), ("@beta", 1), ("@beta", 9)]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        checkpoints.read(tmp_path / "none.json")
