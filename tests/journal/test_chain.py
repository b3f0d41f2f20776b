"""The walk over the hash chain: in pieces side by side, it finds what one walk from end to end would find."""

import pytest

from calscim.errors import StoreUnavailable
from calscim.journal import chain
from calscim.postgres.pool import Database

APPEND = "SELECT calscim.append_row($1, 'admin', 'r', '', 'x', 0, '', NULL, '', '', 'body', NULL)"

# What the owner of the database can do: compute all hashes anew, so that the chain and its head agree again.
REWRITE = """
DO $$
DECLARE v_row calscim.journal; v_hash bytea;
BEGIN
    FOR v_row IN SELECT * FROM calscim.journal ORDER BY seq LOOP
        v_row.prev_hash := coalesce(v_hash, v_row.prev_hash);
        v_hash := sha256(v_row.prev_hash || convert_to(calscim.journal_header(v_row.stream, v_row.seq, v_row.at,
            v_row.kind, v_row.request_id, v_row.method, v_row.path, v_row.status, v_row.remote, v_row.token_id,
            v_row.resource_type, v_row.resource_id, v_row.body_digest, v_row.effect_digest), 'UTF8'));
        UPDATE calscim.journal SET prev_hash = v_row.prev_hash, hash = v_hash WHERE seq = v_row.seq;
    END LOOP;
    UPDATE calscim.journal_heads SET hash = v_hash;
END $$
"""


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


@pytest.mark.parametrize("seq", [2, 3, 4, 6])
async def test_a_row_missing_from_a_rewritten_chain_is_found_by_the_numbers(
    db, owner, journal, seq
):
    await owner.execute("DELETE FROM calscim.journal WHERE seq = $1", seq)
    await owner.execute(REWRITE)

    (broken,) = (await chain.verify(db)).broken

    assert (broken.seq, broken.why[:10]) == (seq, "is missing")


@pytest.mark.parametrize("seq", [1, 4, 7])
async def test_a_rewritten_chain_is_found_by_a_checkpoint_of_any_row(db, owner, journal, seq):
    hashed = await owner.fetchval("SELECT hash FROM calscim.journal WHERE seq = $1", seq)
    checkpoint = {"@acme": chain.Head("@acme", seq, hashed.hex())}
    assert (await chain.verify(db, checkpoint)).broken == ()
    await owner.execute("UPDATE calscim.journal SET remote = 'eve' WHERE seq = 1")
    await owner.execute(REWRITE)

    assert (await chain.verify(db)).broken == ()
    (broken,) = (await chain.verify(db, checkpoint)).broken
    assert (broken.seq, "rewritten" in broken.why) == (seq, True)


async def test_a_stream_that_is_gone_is_found_by_the_checkpoint_of_its_only_row(db, journal):
    checkpoints = {"@gone": chain.Head("@gone", 1, "00" * 32)}

    (broken,) = (await chain.verify(db, checkpoints)).broken

    assert broken.stream == "@gone"
    assert "missing with its whole journal; the checkpoint says 1 rows" in broken.why


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
