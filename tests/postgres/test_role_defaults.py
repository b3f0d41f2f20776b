"""Defaults of the role or of the database change nothing of what calscim stores."""

import asyncio
import uuid

import asyncpg
import pytest

from calscim.directory import resources
from calscim.directory.resources import UserState
from calscim.errors import StoreError
from calscim.journal.append import Origin
from calscim.journal.chain import verify
from calscim.postgres import migrations
from calscim.postgres.hosts import hosts
from calscim.postgres.pool import Database
from tests.support.journaled import okta
from tests.support.server import OWNER, PREFIX, database_of

__all__ = ["okta"]

HOSTILE = {
    "bytea_output": "escape",
    "datestyle": "SQL, DMY",
    "default_transaction_isolation": "serializable",
    "extra_float_digits": "-15",
    "intervalstyle": "sql_standard",
    "lock_timeout": "1ms",
    "search_path": "",
    "standard_conforming_strings": "off",
    "statement_timeout": "250ms",
    "timezone": "Asia/Kolkata",
}


@pytest.fixture
async def hostile(database, owner):
    """Give the serving role defaults that no calscim has been tested with."""
    for name, value in HOSTILE.items():
        await owner.execute(
            f"ALTER ROLE calscim IN DATABASE {database_of(database.dsn)} SET {name} = '{value}'"
        )
    return database.dsn


async def test_pushes_are_stored_and_verified_whatever_the_defaults_of_the_role_are(hostile, okta):
    async def push(db: Database, number: int) -> None:
        name = f"ann{number}\\d'é"
        data = f'{{"userName": "ann{number}\\\\d"}}'
        state = UserState(name, None, f"{number}@acme.example", (), True, data)
        origin = Origin(okta.id, f"r{number}", body=b"\\x\xff")
        await resources.create_user(db, origin, uuid.uuid4(), state, "")

    async with await Database.open(hostile) as one, await Database.open(hostile) as another:
        await asyncio.gather(*(push((one, another)[number % 2], number) for number in range(20)))
        names = await one.fetch("SELECT user_name FROM calscim.users")
        verified = await verify(one)

    assert {row["user_name"] for row in names} == {f"ann{number}\\d'é" for number in range(20)}
    assert verified.broken == ()


async def test_statements_of_a_verb_have_no_time_limit(hostile):
    connection = await hosts(hostile).connect(timeout=10)

    await connection.execute("SELECT pg_sleep(0.3)")

    assert await connection.fetchval("SHOW transaction_isolation") == "read committed"
    await connection.close()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_is_not_utf_8_is_refused_with_what_to_do(postgres, encoding):
    admin = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    name = f"{PREFIX}_{encoding.lower()}"
    await admin.execute(
        f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
    )
    connection = await asyncpg.connect(postgres.dsn(name, OWNER))

    with pytest.raises(StoreError, match=f"encoding {encoding}.*ENCODING 'UTF8'"):
        await migrations.migrate(connection, "calscim")

    await connection.close()
    await admin.execute(f"DROP DATABASE {name}")
    await admin.close()
