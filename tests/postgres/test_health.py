"""A database that answers every read and takes no change is found out, without a trace of having looked."""

import asyncpg
import pytest

from calscim.errors import StoreUnavailable
from calscim.postgres import health
from calscim.postgres.outages import AccessDenied
from calscim.postgres.pool import Database
from calscim.reconciler.state import passes

FULL = """
CREATE FUNCTION calscim.full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON calscim.{table} FOR EACH ROW EXECUTE FUNCTION calscim.full();
"""


async def refusal(db):
    async with db.connection() as connection:
        return await health.refusal(connection)


async def test_a_database_that_takes_changes_refuses_none(db):
    assert await refusal(db) is None
    async with db.connection() as connection:
        assert await health.refused_write(connection) is None


async def test_the_owner_of_the_tables_lacks_no_right(database):
    async with await Database.open(database.owner_dsn) as db:
        assert await refusal(db) is None


async def test_a_read_only_database_refuses_changes(db, database, owner):
    await owner.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")

    said = await refusal(db)

    assert said.startswith("the database is read-only (default_transaction_read_only is on)")


@pytest.mark.parametrize(
    ("revoked", "lacks"),
    [
        ("INSERT ON calscim.journal", "INSERT on calscim.journal"),
        ("UPDATE ON calscim.journal_heads", "UPDATE on calscim.journal_heads"),
        ("DELETE ON calscim.members", "DELETE on calscim.members"),
        (
            "INSERT, UPDATE ON calscim.reconcile_passes",
            "INSERT, UPDATE on calscim.reconcile_passes",
        ),
    ],
)
async def test_every_right_that_is_missing_is_named(db, owner, revoked, lacks):
    await owner.execute(f"REVOKE {revoked} FROM calscim")

    assert await refusal(db) == (
        f"the role lacks {lacks}: `calscim migrate` gives the serving role its rights"
    )


async def test_a_function_that_may_not_be_called_is_named(db, owner):
    await owner.execute("REVOKE EXECUTE ON FUNCTION calscim.iso_timestamp FROM calscim, public")

    assert "EXECUTE on function calscim.iso_timestamp" in await refusal(db)


async def test_a_long_list_of_missing_rights_is_cut(db, owner):
    await owner.execute(
        "REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA calscim FROM calscim"
    )

    assert " more: `calscim migrate`" in await refusal(db)


async def test_a_table_of_a_later_release_is_no_business_of_this_one(db, owner):
    await owner.execute("CREATE TABLE calscim.later (id bigint)")

    assert await refusal(db) is None


async def test_a_disk_without_room_for_a_temporary_file_is_full(database, owner):
    await owner.execute(f"ALTER DATABASE {database.name} SET temp_file_limit = '8kB'")
    async with await Database.open(database.dsn) as db:
        said = await refusal(db)

    assert said.startswith("the database has no room (temporary file size exceeds")


async def test_a_journal_that_cannot_grow_is_found_by_a_write_that_is_rolled_back(db, owner):
    await owner.execute(FULL.format(table="journal"))

    async with db.connection() as connection:
        said = await health.refused_write(connection)

    assert said.startswith("the database has no room (could not extend file")
    assert (
        await db.fetchval("SELECT count(*) FROM calscim.journal_heads WHERE stream = '@check'") == 0
    )


async def test_looking_leaves_no_dead_row_behind(db, database):
    for _ in range(20):
        await refusal(db)

    async with await Database.open(database.owner_dsn) as own:
        await own.execute("SELECT pg_stat_force_next_flush()")
        dead = await own.fetch(
            "SELECT relname FROM pg_stat_all_tables WHERE n_tup_ins + n_tup_upd > 0 AND schemaname = 'calscim'"
        )
    assert dead == []


async def test_a_refusal_for_want_of_room_is_remembered_for_a_while(db, owner):
    assert db.refused is None
    await owner.execute(FULL.format(table="reconcile_passes"))

    with pytest.raises(StoreUnavailable):
        await passes.begin(db, "acme", "full")

    assert "No space left on device" in db.refused


async def test_a_right_that_is_missing_is_an_outage_and_no_mistake_of_the_statement(db, owner):
    await owner.execute("REVOKE INSERT ON calscim.reconcile_passes FROM calscim")

    with pytest.raises(AccessDenied, match="`calscim migrate` gives the serving role its rights"):
        await passes.begin(db, "acme", "full")


async def test_what_a_trigger_of_the_journal_refuses_is_no_outage(database):
    async with await Database.open(database.owner_dsn) as own:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only") as raised:
            await own.execute("TRUNCATE calscim.journal")

    assert not isinstance(raised.value, StoreUnavailable)


async def test_a_mistake_of_the_statement_stays_one(db):
    with pytest.raises(asyncpg.UndefinedTableError):
        await db.fetch("SELECT * FROM calscim.nothing")
