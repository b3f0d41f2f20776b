"""/readyz of a daemon whose database accepts no change: full, read-only, without rights."""

import asyncio
import os
from contextlib import asynccontextmanager

import aiohttp
import asyncpg
import pytest

from calscim import admin
from calscim.app.daemon import serve
from calscim.config import Database, Ops, Scim, Settings
from tests.postgres.test_health import FULL
from tests.support.stage import EDITOR
from tests.support.views import status
from tests.support.waiting import until


@asynccontextmanager
async def daemon(database):
    """Run a daemon without an organization; yield a GET to its operators' listener, and a push."""
    where = asyncio.get_running_loop().create_future()

    async def ready(serving):
        where.set_result(serving)

    settings = Settings(
        Database(dsn=database.dsn), Scim(listen="127.0.0.1:0"), ops=Ops(listen="127.0.0.1:0")
    )
    running = asyncio.create_task(serve(settings, ready=ready))
    try:
        await asyncio.wait((running, where), return_when=asyncio.FIRST_COMPLETED)
        serving = where.result()
        async with aiohttp.ClientSession() as session:

            async def get(path):
                async with session.get(f"http://{serving.ops}{path}") as response:
                    return response.status, await response.text()

            async def push(directory, token):
                url = f"http://{serving.scim}/scim/v2/{directory.id}/Users"
                headers = {"Authorization": f"Bearer {token}"}
                async with session.post(url, json={"userName": "ann"}, headers=headers) as response:
                    return response.status

            yield get, push
    finally:
        running.cancel()
        await asyncio.wait((running,))


async def read_only(database, owner):
    await owner.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def no_right(_, owner):
    await owner.execute("REVOKE INSERT ON calscim.journal FROM calscim")


async def no_schema(_, owner):
    await owner.execute("REVOKE USAGE ON SCHEMA calscim FROM calscim")


@pytest.mark.parametrize("fault", [read_only, no_right, no_schema])
async def test_a_daemon_is_unready_while_its_database_accepts_no_change(database, owner, fault):
    async with daemon(database) as (get, _):
        assert await get("/readyz") == (200, "ready\n")

        await fault(database, owner)

        async def named():  # a connection that has just ended is another reason, for a moment
            code, said = await get("/readyz")
            assert code == 503
            return "read-only" in said or "`calscim migrate`" in said

        await until(named)
        assert (await get("/healthz"))[0] == 200


async def test_a_push_that_meets_a_full_disk_makes_the_daemon_unready(database, owner, db):
    made = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    _, token = await admin.create_token(db, EDITOR, made, name="test")
    await owner.execute(FULL.format(table="journal"))
    async with daemon(database) as (get, push):
        assert await push(made, token) == 503

        code, said = await get("/readyz")

    assert code == 503
    assert "No space left on device" in said


async def test_a_push_without_the_needed_right_is_answered_503(database, owner, db):
    made = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    _, token = await admin.create_token(db, EDITOR, made, name="test")
    await no_right(database, owner)
    async with daemon(database) as (_, push):
        assert await push(made, token) == 503


async def test_status_shows_a_running_daemon(database, db):
    async def standby():
        return (await status(db, ["acme"]))["organizations"][0]["standby"]

    async with daemon(database):
        found = await until(standby)

    assert f"/{os.getpid()}/" in found[0]


async def test_status_shows_why_the_database_accepts_no_change(db, owner, database):
    assert (await status(db, []))["database"] == {"ok": True, "reason": None}
    connection = await asyncpg.connect(database.owner_dsn)
    await no_right(database, connection)
    await connection.close()

    found = (await status(db, []))["database"]

    assert not found["ok"]
    assert "INSERT on calscim.journal" in found["reason"]
