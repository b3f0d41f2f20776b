"""Archived months are verified, rebuilt and queried from their files."""

import gzip
import re
from datetime import datetime

import asyncpg
import pytest

from calscim.errors import StoreError, UsageError
from calscim.journal.archive import export
from calscim.journal.archive import read as archives
from calscim.journal.replay import rebuild
from tests.journal.conftest import EDITOR


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
