"""The walk over the hash chain: in pieces side by side, it finds what one walk from end to end would find."""

import pytest

from calscim.errors import StoreUnavailable
from calscim.journal import chain
from calscim.postgres.pool import Database

APPEND = "SELECT calscim.append_row($1, 'admin', 'r', '', 'x', 0, '', NULL, '', '', 'body', NULL)"


@pytest.fixture
async def journal(db, monkeypatch):
    """Seven rows, walked in pieces of two."""
    monkeypatch.setattr(chain, "_PIECE", 2)
    for _ in range(7):
        await db.fetchval(APPEND, "@acme")


@pytest.mark.parametrize("width", [1, 3])
async def test_a_whole_chain_ends_at_its_head(db, journal, width):
    verdict = await chain.verify(db, width=width)

    head = await db.fetchrow("SELECT seq, encode(hash, 'hex') AS hash FROM calscim.journal_heads")
    assert verdict == chain.Verdict(7, (chain.Head("@acme", head["seq"], head["hash"]),), ())


async def test_one_connection_is_enough(database, journal):
    async with await Database.open(database.dsn, size=1) as alone:
        verdict = await chain.verify(alone, width=4)

    assert (verdict.rows, verdict.broken) == (7, ())


async def test_every_piece_is_walked_once_however_many_help(db, journal, monkeypatch):
    walked = []
    walk = chain._Piece.walk

    async def seen(self, connection, progress):
        walked.append(self.start)
        await walk(self, connection, progress)

    monkeypatch.setattr(chain._Piece, "walk", seen)

    await chain.verify(db, width=4)

    assert sorted(walked) == [0, 2, 4, 6]


async def test_a_connection_that_is_lost_is_no_verdict(db, journal, monkeypatch):
    async def lost(self, connection, progress):
        raise StoreUnavailable("gone")

    monkeypatch.setattr(chain._Piece, "walk", lost)

    with pytest.raises(StoreUnavailable):
        await chain.verify(db, width=3)


@pytest.mark.parametrize("seq", range(1, 8))
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE calscim.journal SET remote = 'eve' WHERE seq = $1",
        "UPDATE calscim.journal SET body = 'other' WHERE seq = $1",
        "UPDATE calscim.journal SET prev_hash = sha256('x') WHERE seq = $1",
        "DELETE FROM calscim.journal WHERE seq = $1",
    ],
)
async def test_a_change_is_found_wherever_it_is(db, owner, journal, statement, seq):
    await owner.execute(statement, seq)

    verdict = await chain.verify(db)

    assert [(one.stream, one.seq) for one in verdict.broken] == [("@acme", seq)]
    assert verdict.heads == ()


async def test_a_row_that_was_rehashed_breaks_the_next_one(db, owner, journal):
    await owner.execute(
        "UPDATE calscim.journal SET remote = 'eve', hash = sha256(prev_hash || convert_to("
        "calscim.journal_header(stream, seq, at, kind, request_id, method, path, status, 'eve', token_id,"
        " resource_type, resource_id, body_digest, effect_digest), 'UTF8')) WHERE seq = 2"
    )

    (broken,) = (await chain.verify(db)).broken

    assert (broken.seq, broken.why) == (3, "does not continue the row before it")


async def test_rows_that_were_put_in_are_found(db, owner, journal):
    copied = (
        "INSERT INTO calscim.journal SELECT stream, {}, at + interval '1 second', kind, request_id, method, path,"
        " status, remote, token_id, resource_type, resource_id, body, effect, body_digest, effect_digest,"
        " prev_hash, hash FROM calscim.journal WHERE seq = 3"
    )
    await owner.execute(copied.format("3"))
    assert (await chain.verify(db)).broken[0].why == "appears twice"
    await owner.execute(
        "DELETE FROM calscim.journal WHERE seq = 3 AND at = (SELECT max(at) FROM calscim.journal)"
    )
    assert (await chain.verify(db)).broken == ()

    await owner.execute(copied.format("0"))
    assert (await chain.verify(db)).broken[0].why == "appears before the first row"


async def test_what_is_missing_at_the_end_is_found_by_the_head(db, owner, journal):
    await owner.execute("DELETE FROM calscim.journal WHERE seq > 4")

    (broken,) = (await chain.verify(db)).broken

    assert (broken.seq, broken.why) == (5, "is missing")


async def test_one_broken_stream_does_not_hide_the_others(db, owner, journal):
    await db.fetchval(APPEND, "@beta")
    await owner.execute(
        "UPDATE calscim.journal SET remote = 'eve' WHERE stream = '@acme' AND seq = 1"
    )

    verdict = await chain.verify(db)

    assert [one.stream for one in verdict.broken] == ["@acme"]
    assert [head.stream for head in verdict.heads] == ["@beta"]


async def test_progress_adds_up_to_all_rows(db, journal):
    told: list[int] = []

    await chain.verify(db, progress=told.append, width=2)

    assert sum(told) == 7
    assert await chain.size(db) == 7
