"""The schema is what the migrations add up to, and the serving role can only append to the journal."""

from urllib.parse import urlsplit

import asyncpg
import pytest

from calscim.postgres import migrations
from calscim.postgres.queries import all_queries, schema
from tests.support.server import OWNER, PREFIX

APPEND = "SELECT calscim.append_row('@acme', 'admin', 'r1', 'POST', '/x', 200, '', NULL, '', '', 'body', '{}')"

DESCRIBE = """
SELECT 'column', table_name, column_name, data_type, is_nullable, coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'calscim'
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'calscim'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
FROM pg_constraint WHERE connamespace = 'calscim'::regnamespace
UNION ALL SELECT 'function', proname, pg_get_functiondef(oid), '', '', '' FROM pg_proc
WHERE pronamespace = 'calscim'::regnamespace
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', ''
FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'calscim.%' AND NOT tgisinternal
ORDER BY 1, 2, 3, 4
"""


async def test_the_schema_is_what_the_migrations_add_up_to(database, postgres):
    admin = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    name = f"{PREFIX}_schema_file"
    await admin.execute(f"CREATE DATABASE {name}")
    direct = await asyncpg.connect(postgres.dsn(name, OWNER))
    migrated = await asyncpg.connect(database.owner_dsn)
    await direct.execute(schema())

    expected = [tuple(row) for row in await direct.fetch(DESCRIBE)]
    found = [tuple(row) for row in await migrated.fetch(DESCRIBE)]

    assert found == expected
    assert found
    for connection in (direct, migrated):
        await connection.close()
    await admin.execute(f"DROP DATABASE {name}")
    await admin.close()


async def test_every_query_can_be_prepared(pool):
    async with pool.acquire() as connection:
        for name, text in all_queries().items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE calscim.journal SET status = 1",
        "DELETE FROM calscim.journal",
        "TRUNCATE calscim.journal",
        "DROP TABLE calscim.journal",
        "UPDATE calscim.journal_default SET status = 1",
        "DELETE FROM calscim.journal_default",
        "TRUNCATE calscim.journal_default",
        "DROP TABLE calscim.journal_default",
        "ALTER TABLE calscim.journal DISABLE TRIGGER ALL",
    ],
)
async def test_the_serving_role_can_only_append(pool, statement):
    assert await pool.fetchval(APPEND) == 1

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)

    assert await pool.fetchval("SELECT count(*) FROM calscim.journal") == 1


async def test_migrating_twice_changes_nothing(database):
    owner = await asyncpg.connect(database.owner_dsn)

    assert await migrations.migrate(owner, "calscim") == []
    assert await migrations.current(owner) == migrations.latest()
    await owner.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE calscim.journal SET status = 1",
        "DELETE FROM calscim.journal",
        "TRUNCATE calscim.journal",
        "DROP TABLE calscim.journal CASCADE",
        "DROP TABLE calscim.journal_default",
    ],
)
async def test_one_role_for_everything_can_only_append_as_well_even_a_superuser(
    database, postgres, statement
):
    almighty = await asyncpg.connect(database.owner_dsn)
    await migrations.migrate(almighty, postgres.owner)
    await migrations.migrate(almighty, postgres.owner)
    await almighty.fetchval(APPEND)

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await almighty.execute(statement)

    assert await almighty.fetchval("SELECT count(*) FROM calscim.journal") == 1
    await almighty.execute("CREATE TABLE calscim.other (); DROP TABLE calscim.other")
    await almighty.close()


async def test_one_role_that_is_no_superuser_takes_its_own_rights_away(database, postgres):
    almighty = await asyncpg.connect(database.owner_dsn)
    name = urlsplit(database.dsn).path.strip("/")
    await almighty.execute(
        f"DROP SCHEMA calscim CASCADE; GRANT CREATE ON DATABASE {name} TO calscim"
    )
    owner = await asyncpg.connect(database.dsn)
    await migrations.migrate(owner, "calscim")
    await owner.fetchval(APPEND)

    for statement in (
        "UPDATE calscim.journal SET status = 1",
        "DELETE FROM calscim.journal",
        "TRUNCATE calscim.journal",
        "TRUNCATE calscim.journal_default",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(statement)

    assert await owner.fetchval("SELECT count(*) FROM calscim.journal") == 1
    await owner.close()
    await almighty.close()
