"""A composed daemon applies the configuration of the journal."""

import asyncio
from dataclasses import dataclass

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from calscim import admin
from calscim.app.daemon import Serving, serve
from calscim.config import Database, Journal, Ops, Scim, Settings
from calscim.encryption import PLAIN, cipher, encrypted_with, key_id, new_key

KEY = new_key()


@dataclass
class Started:
    """The daemon's addresses, as a future to wait for."""

    serving: asyncio.Future[Serving]

    async def ready(self, where: Serving) -> None:
        self.serving.set_result(where)


@pytest.fixture
async def receiver():
    """Yield the URL of a receiver of checkpoints, and the queue of what it received."""
    received: asyncio.Queue[str] = asyncio.Queue()

    async def post(request: web.Request) -> web.Response:
        received.put_nowait(await request.text())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", post)
    async with TestServer(app) as server:
        yield str(server.make_url("/")), received


async def test_a_daemon_with_a_key_encrypts_bodies_and_publishes_checkpoints(
    db, database, receiver
):
    url, received = receiver
    directory = await admin.create_directory(
        db,
        admin.Editor(by="test", cipher=PLAIN),
        organization="acme",
        name="Okta",
        provider="okta-scim-v2",
    )
    _, token = await admin.create_token(
        db, admin.Editor(by="test", cipher=PLAIN), directory, name="test"
    )
    settings = Settings(
        Database(dsn=database.dsn),
        Scim(listen="127.0.0.1:0"),
        ops=Ops(listen="127.0.0.1:0"),
        journal=Journal(encryption_key=KEY, checkpoint_url=url, checkpoint_interval=0.01),
    )
    started = Started(asyncio.get_running_loop().create_future())
    daemon = asyncio.create_task(serve(settings, ready=started.ready))
    try:
        await asyncio.wait((daemon, started.serving), return_when=asyncio.FIRST_COMPLETED)
        async with aiohttp.ClientSession() as session:
            base = f"http://{started.serving.result().scim}/scim/v2/{directory.id}"
            headers = {"Authorization": f"Bearer {token}"}
            await session.post(f"{base}/Users", json={"userName": "geheim"}, headers=headers)
        row = await db.fetchrow(
            "SELECT body, encode(hash, 'hex') AS hash FROM calscim.journal WHERE stream = $1",
            directory.id,
        )
        posted = await received.get()
        while row["hash"] not in posted:
            posted = await received.get()
    finally:
        daemon.cancel()
        await asyncio.wait((daemon,))

    assert encrypted_with(row["body"]) == key_id(KEY)
    assert b"geheim" in cipher(KEY).decrypt(row["body"])
    assert {head["stream"] for head in orjson.loads(posted)["heads"]} == {"@acme", directory.id}
    [used] = await admin.tokens(db, directory)
    assert used.last_used_at is not None
