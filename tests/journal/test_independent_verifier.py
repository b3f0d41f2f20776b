"""The journal can be proven with a page of plain Python: nothing here is calscim's but the rows it wrote.

docs/reference/journal.md is all that ``first_broken`` was written from.
"""

import hashlib
import json

import asyncpg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# The columns that the hash covers. It does not cover traceparent, which only leads to a trace.
HEADER = [
    "stream",
    "seq",
    "at",
    "kind",
    "request_id",
    "method",
    "path",
    "status",
    "remote",
    "token_id",
    "resource_type",
    "resource_id",
    "body_digest",
    "effect_digest",
]


async def first_broken(connection: asyncpg.Connection) -> tuple[str, int] | None:
    """The first row that is not what was written: its stream and seq."""
    erased = await erasures(connection)
    archived = await connection.fetch(
        "SELECT stream, seq, hash FROM calscim.journal_archives ORDER BY seq"
    )
    begins = {stream: (seq, hashed) for stream, seq, hashed in archived}
    heads = await connection.fetch(
        "SELECT stream, seq, hash FROM calscim.journal_heads ORDER BY stream"
    )
    for stream, last, head_hash in heads:
        seq, before = begins.get(stream, (0, bytes(32)))
        rows = await connection.fetch(
            "SELECT * FROM calscim.journal WHERE stream = $1 ORDER BY seq, at", stream
        )
        for row in rows:
            seq += 1
            if row["seq"] != seq or row["prev_hash"] != before:
                return stream, seq
            for column in ("body", "effect"):
                if row[column] is None and (stream, seq, column) in erased:
                    continue
                if hashlib.sha256(row[column] or b"").digest() != row[f"{column}_digest"]:
                    return stream, seq
            before = hashlib.sha256(before + header(row)).digest()
            if row["hash"] != before:
                return stream, seq
        if (seq, before) != (last, head_hash):
            return stream, seq + 1
    return None


async def erasures(connection: asyncpg.Connection) -> set[tuple[str, int, str]]:
    """Which bodies and effects may be missing: rows of the chain say so."""
    rows = await connection.fetch(
        "SELECT effect FROM calscim.journal WHERE kind = 'admin' AND path = 'person.erase'"
    )
    return {
        (stream, seq, column)
        for row in rows
        for stream, columns in json.loads(row["effect"])["rows"].items()
        for column, numbers in columns.items()
        for seq in numbers
    }


def header(row: asyncpg.Record) -> bytes:
    values = {
        **row,
        "at": row["at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "body_digest": row["body_digest"].hex(),
        "effect_digest": row["effect_digest"].hex(),
    }
    return json.dumps([values[name] for name in HEADER], ensure_ascii=False).encode()


def opened(stored: bytes, key: bytes) -> bytes:
    """A body as it came, given its key."""
    form, key_id, nonce, encrypted = stored[:9], stored[9:17], stored[17:29], stored[29:]
    if form == b"\x89calscim\x00":
        return stored[9:]
    if form != b"\x89calscim\x01":
        return stored
    if hashlib.sha256(b"calscim journal key\x00" + key).digest()[:8] != key_id:
        raise KeyError(key_id.hex())
    return AESGCM(key).decrypt(nonce, encrypted, stored[:17])


# ------------------------------------------------------------------ what it is tried on

APPEND = "SELECT calscim.append_row($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
AWKWARD = "".join(map(chr, range(1, 32))) + "\"\\/\x7f\u0085\u2028ä€😀'"


@pytest.fixture
async def owner(owner):
    """Somewhere else."""
    await owner.execute("SET TIME ZONE 'Asia/Kathmandu'")
    return owner


@pytest.fixture
async def journal(db):
    """Two streams of five rows, with whatever text can hold."""
    for stream in ("@acme", "okta0000"):
        for number in range(5):
            await db.fetchval(
                APPEND,
                stream,
                "scim",
                AWKWARD,
                "POST",
                f"/Users/{AWKWARD}",
                201,
                "127.0.0.1",
                None if number % 2 else number,
                "User",
                AWKWARD,
                None if number == 3 else b"\xff\x00body",
                None if number == 4 else b"{}",
            )


async def test_an_unchanged_journal_is_valid(owner, journal):
    assert await owner.fetchval("SELECT count(*) FROM calscim.journal") == 10
    assert await first_broken(owner) is None


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE calscim.journal SET {column} = 'eve' WHERE stream = 'okta0000' AND seq = 3"
        for column in ("kind", "request_id", "method", "path", "remote", "resource_type")
    ]
    + [
        "UPDATE calscim.journal SET resource_id = 'eve' WHERE stream = 'okta0000' AND seq = 3",
        "UPDATE calscim.journal SET status = 500 WHERE stream = 'okta0000' AND seq = 3",
        "UPDATE calscim.journal SET token_id = 77 WHERE stream = 'okta0000' AND seq = 3",
        "UPDATE calscim.journal SET at = at + interval '1 us' WHERE stream = 'okta0000' AND seq = 3",
        "UPDATE calscim.journal SET body = 'eve' WHERE stream = 'okta0000' AND seq = 3",
        "UPDATE calscim.journal SET body = NULL WHERE stream = 'okta0000' AND seq = 3",
        "UPDATE calscim.journal SET effect = 'eve' WHERE stream = 'okta0000' AND seq = 3",
        "DELETE FROM calscim.journal WHERE stream = 'okta0000' AND seq = 3",
        "DELETE FROM calscim.journal WHERE stream = 'okta0000' AND seq >= 3",
    ],
)
async def test_a_row_that_was_tampered_with_is_found(owner, journal, statement):
    await owner.execute("ALTER TABLE calscim.journal DISABLE TRIGGER ALL")

    await owner.execute(statement)

    assert await first_broken(owner) == ("okta0000", 3)


KEY = bytes(range(32))
BODIES = [b'{"userName": "ann"}', b"\xff\x00body", b"\x89calscim\x01 as somebody sent it", b""]


@pytest.mark.parametrize("key", [KEY, None], ids=["encrypted", "as it came"])
async def test_bodies_are_opened_and_the_chain_is_whole(owner, db, key):
    from calscim.encryption import cipher

    encrypting = cipher(key)
    for body in BODIES:
        row = (
            "okta0000",
            "scim",
            "r",
            "",
            "",
            0,
            "",
            None,
            "",
            "",
            encrypting.encrypt(body),
            b"{}",
        )
        await db.fetchval(APPEND, *row)

    stored = await owner.fetch("SELECT body FROM calscim.journal ORDER BY seq")

    assert [opened(row["body"], KEY) for row in stored] == BODIES
    assert (b"userName" in stored[0]["body"]) == (key is None)
    assert await first_broken(owner) is None


async def erase(connection: asyncpg.Connection, **rows: list[int]) -> None:
    effect = {"name": "x", "users": [], "instead": {}, "rows": {"okta0000": rows}}
    text = json.dumps(effect).encode()
    about = ("@acme", "admin", "r", "", "person.erase", 0, "", None, "User", "x", text, text)
    async with connection.transaction():
        seq = await connection.fetchval(APPEND, *about)
        await connection.execute("SELECT calscim.journal_erase('@acme', $1)", seq)


async def test_what_was_erased_may_be_missing(owner, journal):
    await erase(owner, body=[2, 3], effect=[3])

    assert await owner.fetchval("SELECT count(*) FROM calscim.journal WHERE body IS NULL") == 4
    assert await first_broken(owner) is None


@pytest.mark.parametrize("column", ["effect = NULL", "body = 'eve'", "status = 500"])
async def test_an_erased_row_may_be_no_other(owner, journal, column):
    await erase(owner, body=[3], effect=[])
    await owner.execute("ALTER TABLE calscim.journal DISABLE TRIGGER ALL")

    await owner.execute(
        f"UPDATE calscim.journal SET {column} WHERE stream = 'okta0000' AND seq = 3"
    )

    assert await first_broken(owner) == ("okta0000", 3)
