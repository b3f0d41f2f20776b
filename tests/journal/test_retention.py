"""The journal's months are made ahead, by the serving role too, and can be appended to and nothing else."""

import asyncio

import asyncpg
import pytest

from calscim.journal.partitions import ensure_partitions
from calscim.postgres import migrations

APPEND = "SELECT calscim.append_row($1, 'admin', 'r', '', 'x', 0, '', NULL, '', '', 'body', NULL)"
MONTH = "to_char(clock_timestamp() AT TIME ZONE 'UTC' + make_interval(months => $1), '\"journal_\"YYYY_MM')"


@pytest.fixture
async def owner(owner):
    """With the triggers on."""
    await owner.execute("SET session_replication_role = origin")
    return owner


@pytest.fixture
async def this_month(db) -> str:
    return await db.fetchval(f"SELECT {MONTH}", 0)


async def test_this_month_and_the_next_ones_are_made_once(db):
    names = [await db.fetchval(f"SELECT {MONTH}", number) for number in range(4)]

    first = await ensure_partitions(db)
    second = await ensure_partitions(db)

    assert [one.name for one in first] == names
    assert [one.state for one in first] == ["exists", "exists", "created", "created"]
    assert [one.state for one in second] == ["exists"] * 4


async def test_many_may_ask_at_the_same_time(db):
    answers = await asyncio.gather(*(ensure_partitions(db, 6) for _ in range(8)))

    made = [one.name for answer in answers for one in answer if one.state == "created"]
    assert len(made) == len(set(made)) == 5
    assert {one.state for answer in answers for one in answer} <= {"created", "exists"}


async def test_rows_go_to_their_month(db, this_month):
    await db.fetchval(APPEND, "@acme")

    where = await db.fetchval("SELECT tableoid::regclass::text FROM calscim.journal")
    assert where.removeprefix("calscim.") == this_month


async def test_a_month_that_has_rows_in_the_default_partition_stays_there(db, owner, this_month):
    await owner.execute(f"DROP TABLE calscim.{this_month}")
    await db.fetchval(APPEND, "@acme")

    made = await ensure_partitions(db, 2)

    assert [one.state for one in made] == ["default", "exists", "created"]
    assert await db.fetchval("SELECT count(*) FROM calscim.journal_default") == 1
    assert await db.fetchval(APPEND, "@acme") == 2


async def test_creating_partitions_does_not_wait_for_locks(db, owner):
    async with owner.transaction():
        await owner.execute("LOCK TABLE calscim.journal_default IN ROW EXCLUSIVE MODE")

        busy = await ensure_partitions(db, 2)

    assert [one.state for one in busy] == ["exists", "exists", "busy"]
    assert [one.state for one in await ensure_partitions(db, 2)] == ["exists", "exists", "created"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE calscim.{} SET status = 1",
        "DELETE FROM calscim.{}",
        "TRUNCATE calscim.{}",
        "DROP TABLE calscim.{}",
        "ALTER TABLE calscim.journal DETACH PARTITION calscim.{}",
        "ALTER TABLE calscim.{} DISABLE TRIGGER ALL",
    ],
)
async def test_the_serving_role_can_only_append_to_what_it_had_made(db, statement):
    name = (await ensure_partitions(db, 2))[-1].name

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await db.execute(statement.format(name))


@pytest.mark.parametrize(
    "statement",
    ["UPDATE calscim.{} SET status = 1", "DELETE FROM calscim.{}", "TRUNCATE calscim.{}"],
)
async def test_triggers_refuse_the_owner_on_partitions_too(db, owner, statement):
    name = (await ensure_partitions(db, 2))[-1].name
    await owner.execute(
        f"INSERT INTO calscim.{name} SELECT 's', 1, now() + interval '2 months', '', '', '', '', 0, '',"
        " NULL, '', '', NULL, NULL, '', '', '', ''"
    )

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute(statement.format(name))


async def test_a_role_that_reads_the_journal_can_read_new_months_for_a_backup(db, owner):
    await owner.execute("CREATE ROLE reader_of_backups")
    await owner.execute("GRANT SELECT ON calscim.journal TO reader_of_backups")
    try:
        name = (await ensure_partitions(db, 2))[-1].name

        rights = "SELECT has_table_privilege('reader_of_backups', $1, $2)"
        assert await owner.fetchval(rights, f"calscim.{name}", "SELECT")
        assert not await owner.fetchval(
            rights, f"calscim.{name}", "INSERT, UPDATE, DELETE, TRUNCATE"
        )
    finally:
        await owner.execute("DROP OWNED BY reader_of_backups")
        await owner.execute("DROP ROLE reader_of_backups")


async def test_no_other_role_can_create_partitions(owner):
    await owner.execute("CREATE ROLE stranger_to_months")
    await owner.execute("GRANT USAGE ON SCHEMA calscim TO stranger_to_months")
    try:
        await owner.execute("SET ROLE stranger_to_months")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute("SELECT calscim.journal_create_partitions(3)")
    finally:
        await owner.execute("RESET ROLE")
        await owner.execute("DROP OWNED BY stranger_to_months")
        await owner.execute("DROP ROLE stranger_to_months")


async def test_where_one_role_does_everything_new_months_are_append_only_for_it(database, owner):
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"DROP SCHEMA calscim CASCADE; GRANT CREATE ON DATABASE {name} TO calscim")
    alone = await asyncpg.connect(database.dsn)
    await migrations.migrate(alone, "calscim")

    made = await alone.fetch("SELECT * FROM calscim.journal_create_partitions(2)")

    assert made[-1]["state"] == "created"
    for month in made:
        for change in (
            "UPDATE calscim.{} SET status = 1",
            "DELETE FROM calscim.{}",
            "TRUNCATE calscim.{}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await alone.execute(change.format(month["partition"]))
    assert await alone.fetchval(APPEND, "@acme") == 1
    await alone.close()


async def test_months_are_those_of_utc_wherever_the_session_is(database, owner):
    await owner.execute("SET TIME ZONE 'Pacific/Kiritimati'; SET datestyle = 'SQL, DMY'")

    await owner.execute("SELECT calscim.journal_create_partitions(2)")

    bounds = await owner.fetch(
        "SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class"
        " WHERE relname ~ '^journal_[0-9]' AND relkind = 'r' ORDER BY relname"
    )
    await owner.execute("SET TIME ZONE 'UTC'; SET datestyle = 'ISO'")
    shown = await owner.fetch(
        "SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class"
        " WHERE relname ~ '^journal_[0-9]' AND relkind = 'r' ORDER BY relname"
    )
    assert len(bounds) == 3
    assert all(one["bound"].count("-01 00:00:00+00") == 2 for one in shown)
