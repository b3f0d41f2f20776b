"""The journal gives up just what a row of it says was erased, and nothing else to anybody."""

from dataclasses import replace

import asyncpg
import pytest

from calscim.errors import UsageError
from calscim.journal import chain
from calscim.journal.erasure import erase
from calscim.postgres import migrations
from calscim.postgres.pool import Database
from tests.support.acme import ANN, EDITOR, everything

CHANGE = "UPDATE calscim.journal SET body = NULL WHERE stream = $1 AND seq = 2"


async def test_the_serving_role_cannot_erase(db, okta, left):
    with pytest.raises(UsageError, match="only the owner"):
        await erase.erase(db, EDITOR, ANN)

    async with db.connection() as connection, connection.transaction():
        seq = await claim(connection, okta, [2])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute("SELECT calscim.journal_erase('@acme', $1)", seq)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(CHANGE, okta.id)


async def claim(connection, okta, bodies, effects=(), path="person.erase") -> int:
    """A row that says that these were erased, and the pointer to it."""
    edit = {"name": "x", "users": [], "instead": {}}
    edit["rows"] = {okta.id: {"body": list(bodies), "effect": list(effects)}}
    seq = await EDITOR.write(connection, "acme", path, ("User", "x"), edit)
    await connection.execute("SELECT set_config('calscim.erasure', $1, true)", f"@acme {seq}")
    return seq


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE calscim.journal SET body = NULL WHERE stream = $1 AND seq = 3",
        "UPDATE calscim.journal SET body = '' WHERE stream = $1 AND seq = 2",
        "UPDATE calscim.journal SET body = 'eve' WHERE stream = $1 AND seq = 2",
        "UPDATE calscim.journal SET effect = NULL WHERE stream = $1 AND seq = 2",
        "UPDATE calscim.journal SET body = NULL, effect = NULL WHERE stream = $1 AND seq = 2",
        "UPDATE calscim.journal SET body = NULL, status = 1 WHERE stream = $1 AND seq = 2",
        "UPDATE calscim.journal SET body = NULL, traceparent = 'x' WHERE stream = $1 AND seq = 2",
        "UPDATE calscim.journal SET body = NULL, body_digest = sha256('') WHERE stream = $1 AND seq = 2",
        "UPDATE calscim.journal SET body = NULL, at = at - interval '9 years' WHERE stream = $1 AND seq = 2",
        "DELETE FROM calscim.journal WHERE stream = $1 AND seq = 2",
    ],
)
async def test_the_owner_can_do_just_what_the_row_says(owning, okta, left, statement):
    async with owning.connection() as connection, connection.transaction():
        await claim(connection, okta, [2])
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            async with connection.transaction():
                await connection.execute(statement, okta.id)

        assert await connection.execute(CHANGE, okta.id) == "UPDATE 1"


async def test_without_such_a_row_in_the_transaction_nothing_is_erased(owning, okta, left):
    async with owning.connection() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(CHANGE, okta.id)

        async with connection.transaction():
            seq = await claim(connection, okta, [2])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):  # that one has ended
            async with connection.transaction():
                await connection.execute("SELECT calscim.journal_erase('@acme', $1)", seq)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await claim(connection, okta, [2], path="directory.create")
                await connection.execute(CHANGE, okta.id)


async def test_a_partition_is_guarded_as_the_whole_is(owning, okta, left):
    partition = await owning.fetchval(
        "SELECT tableoid::regclass::text FROM calscim.journal WHERE stream = $1 AND seq = 2",
        okta.id,
    )
    change = f"UPDATE {partition} SET body = NULL WHERE stream = $1 AND seq = $2"

    async with owning.connection() as connection, connection.transaction():
        await claim(connection, okta, [2])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute(change, okta.id, 3)

        assert await connection.execute(change, okta.id, 2) == "UPDATE 1"


async def test_what_tells_of_an_erasure_cannot_be_erased(owning, okta, left):
    await erase.erase(owning, EDITOR, ANN)
    stream, seq = await owning.fetchrow(
        "SELECT stream, seq FROM calscim.journal WHERE path = 'person.erase'"
    )

    async with owning.connection() as connection, connection.transaction():
        await claim(connection, replace(okta, id=stream), [seq], [seq])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "UPDATE calscim.journal SET body = NULL WHERE path = 'person.erase' AND seq = $1",
                seq,
            )


async def test_a_body_that_is_gone_without_a_word_is_broken(db, owner, owning, okta, left):
    await erase.erase(owning, EDITOR, ANN)
    await owner.execute(CHANGE, okta.id)

    (broken,) = (await chain.verify(db)).broken

    assert (broken.stream, broken.seq) == (okta.id, 2)


async def test_an_erased_row_cannot_get_another_body(db, owner, owning, okta, left):
    await erase.erase(owning, EDITOR, ANN)
    await owner.execute(
        "UPDATE calscim.journal SET body = 'eve' WHERE stream = $1 AND seq = 1", okta.id
    )

    (broken,) = (await chain.verify(db)).broken

    assert (broken.stream, broken.seq) == (okta.id, 1)


async def test_one_role_that_is_no_superuser_can_erase_and_still_not_change(
    database, owning, okta, left
):
    await owning.execute(
        "ALTER SCHEMA calscim OWNER TO calscim; DO $$ DECLARE t record; BEGIN FOR t IN SELECT c.oid::regclass AS name"
        " FROM pg_class c WHERE relnamespace = 'calscim'::regnamespace AND relkind IN ('r', 'p')"
        " LOOP EXECUTE format('ALTER TABLE %s OWNER TO calscim', t.name); END LOOP; END $$"
    )
    await owning.execute(
        "DO $$ DECLARE f record; BEGIN FOR f IN SELECT oid::regprocedure AS name FROM pg_proc"
        " WHERE pronamespace = 'calscim'::regnamespace"
        " LOOP EXECUTE format('ALTER FUNCTION %s OWNER TO calscim', f.name); END LOOP; END $$"
    )
    connection = await asyncpg.connect(database.dsn)
    await migrations.migrate(connection, "calscim")
    await connection.close()
    async with await Database.open(database.dsn) as db:
        await erase.erase(db, EDITOR, ANN)

        assert (await chain.verify(db)).broken == ()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute("UPDATE calscim.journal SET status = 1")
        assert ANN not in await everything(owning)
