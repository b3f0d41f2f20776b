"""Measure how long it takes to verify a journal and to search it for a person (python -m benchmarks.journal).

SQL creates the rows with real content and a valid chain: three of four rows are pushes of users, the fourth is a call
to Cal.com. The baseline is the time that one process of the server needs to hash the same bodies and effects. The
target is to verify a million rows in less than ten seconds.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from benchmarks.machine import describe
from calscim import admin
from calscim.admin import Editor
from calscim.journal import chain
from calscim.journal.erasure import erase
from calscim.journal.replay import rebuild
from calscim.postgres import embedded, migrations
from calscim.postgres.pool import Database

MAKE = """
DO $$
DECLARE
    v_streams text[] := ARRAY['{directory}', '@acme'];
    v_seqs bigint[] := ARRAY[0, 1];
    v_hashes bytea[] := ARRAY[
        decode(repeat('00', 32), 'hex'), (SELECT hash FROM calscim.journal_heads WHERE stream = '@acme')];
    s int; v_name text; v_body bytea; v_effect bytea; v_id uuid; v_at timestamptz; v_hash bytea;
BEGIN
    FOR n IN 1 .. {rows} LOOP
        s := CASE n % 4 WHEN 0 THEN 2 ELSE 1 END;
        v_name := 'person' || n / 4 % {people} || '@acme.example';
        v_id := md5(v_name)::uuid;
        v_at := clock_timestamp();
        v_body := NULL;
        IF s = 2 THEN
            v_effect := convert_to(json_build_object(
                'action', 'member.add', 'email', v_name, 'user_id', v_id, 'cal_user_id', n, 'team_id', 3,
                'role', 'MEMBER', 'because', 'is in the group Sales', 'stream', v_streams[1], 'seq', n,
                'outcome', 'done', 'detail', '')::text, 'UTF8');
        ELSE
            v_body := convert_to(json_build_object(
                'schemas', ARRAY['urn:ietf:params:scim:schemas:core:2.0:User'], 'userName', v_name,
                'name', json_build_object('givenName', 'Given', 'familyName', 'Family'),
                'emails', json_build_array(json_build_object('primary', true, 'value', v_name, 'type', 'work')),
                'displayName', 'Given Family', 'externalId', '00u' || v_id, 'active', true)::text, 'UTF8');
            v_effect := convert_to(json_build_object(
                'op', 'user.put', 'id', v_id, 'user_name', v_name, 'user_name_key', v_name,
                'external_id', '00u' || v_id, 'email', v_name, 'emails', ARRAY[v_name], 'active', true,
                'managed', true, 'source', 'provider', 'version', n,
                'data', convert_from(v_body, 'UTF8')::jsonb)::text, 'UTF8');
        END IF;
        v_seqs[s] := v_seqs[s] + 1;
        v_hash := sha256(v_hashes[s] || convert_to(calscim.journal_header(
            v_streams[s], v_seqs[s], v_at, 'scim', 'r' || n, 'PUT', '/Users/' || v_id, 200, '10.0.0.1', 1, 'User',
            v_id::text, sha256(coalesce(v_body, '')), sha256(v_effect)), 'UTF8'));
        INSERT INTO calscim.journal VALUES (
            v_streams[s], v_seqs[s], v_at, 'scim', 'r' || n, 'PUT', '/Users/' || v_id, 200, '10.0.0.1', 1, 'User',
            v_id::text, v_body, v_effect, sha256(coalesce(v_body, '')), sha256(v_effect), v_hashes[s], v_hash);
        v_hashes[s] := v_hash;
    END LOOP;
    FOR s IN 1 .. 2 LOOP
        UPDATE calscim.journal_heads SET seq = v_seqs[s], at = clock_timestamp(), hash = v_hashes[s]
        WHERE stream = v_streams[s];
    END LOOP;
END $$
"""
FLOOR = """
SELECT count(*) FROM calscim.journal
WHERE sha256(coalesce(body, '')) <> body_digest OR sha256(coalesce(effect, '')) <> effect_digest
"""
PEOPLE = 5_000


async def measure(rows: int, server: str | None) -> None:
    """Create a journal and measure it.

    ``server`` is a superuser's DSN without a database. None means the bundled Postgres, which hashes without OpenSSL.
    """
    async with _database(server) as dsn:
        owner = await asyncpg.connect(dsn)
        await migrations.migrate(owner, await owner.fetchval("SELECT current_user"))
        async with await Database.open(dsn, size=4) as db:
            directory = await admin.create_directory(
                db,
                Editor(by="bench", cipher=db.cipher),
                organization="acme",
                name="Okta",
                provider="okta-scim-v2",
            )
            began = time.perf_counter()
            text = MAKE.format(directory=directory.id, rows=rows, people=PEOPLE)
            await owner.execute(text, timeout=3600)
            await owner.execute("VACUUM ANALYZE")
            size = await owner.fetchval(
                "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
                " WHERE relname ~ '^journal' AND relkind = 'r'"
            )
            version = await owner.fetchval("SHOW server_version")
            seconds = time.perf_counter() - began
            print(
                f"Postgres {version}; {rows:,} rows created in {seconds:.0f} s, {size / 2**20:.0f} MiB"
            )
            await _measure(db, owner, directory, rows)
        await owner.close()


@asynccontextmanager
async def _database(server: str | None) -> AsyncIterator[str]:
    """Yield the DSN of an empty database, and drop the database afterwards."""
    if server is None:
        folder = Path(tempfile.mkdtemp(prefix="calscim-bench-"))
        try:
            async with await embedded.start(folder / "postgres") as running:
                yield running.owner_dsn
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    connection = await asyncpg.connect(f"{server}/postgres")
    await connection.execute("CREATE DATABASE calscim_bench")
    try:
        yield f"{server}/calscim_bench"
    finally:
        await connection.execute("DROP DATABASE calscim_bench WITH (FORCE)")
        await connection.close()


async def _measure(
    db: Database, owner: "asyncpg.Connection[asyncpg.Record]", directory: admin.Directory, rows: int
) -> None:
    await _timed("baseline: hashed by the server, one process", rows, lambda: owner.fetchval(FLOOR))
    for width in (1, 4):
        found = await _timed(
            f"verify, {width} connection{'s' * (width > 1)}",
            rows,
            lambda width=width: chain.verify(db, width=width),
        )
        assert not found.broken
        assert found.rows == rows + 1
    tables = await _timed("rebuild, read", rows, lambda: rebuild.as_of(db, directory.id, None))
    assert len(tables.users) == min(PEOPLE, rows // 4)
    address = f"person{min(PEOPLE, rows // 4) - 1}@acme.example"
    await _timed("erase, search by former address", rows, lambda: _search(db, address))


async def _search(db: Database, address: str) -> None:
    found = await erase.examine(db, address)
    assert found.rows.count() > 0


async def _timed(what: str, rows: int, call: Callable[[], Awaitable[object]]):
    began, used = time.perf_counter(), time.process_time()
    result = await call()
    seconds, used = time.perf_counter() - began, time.process_time() - used
    print(
        f"{what:45} {seconds:8.2f} s {rows / seconds:12,.0f} rows/s, {used:.2f} s of processor time in this process"
    )
    return result


def main(rows: int, server: str | None = None) -> None:
    print(describe())
    asyncio.run(measure(rows, server))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument(
        "--postgres", metavar="DSN", help="the DSN of a superuser, without a database"
    )
    arguments = parser.parse_args()
    main(arguments.rows, arguments.postgres)
