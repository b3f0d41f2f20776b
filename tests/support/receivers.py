"""A receiver of notifications in the test process: an HTTP server that checks the signature of each webhook."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    """Records the id and the body of each request with a valid signature, and answers with ``status``."""

    url: str = ""
    status: int = 204
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    open: asyncio.Event = field(default_factory=asyncio.Event)  # unset: requests hang
    waiting: int = 0  # requests that hang

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.waiting += 1
        await self.open.wait()
        self.waiting -= 1
        found = Webhook(SECRET).verify(body, dict(request.headers))
        async with self.arrived:
            self.requests.append((request.headers["webhook-id"], found))
            self.arrived.notify_all()
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})

    @property
    def types(self) -> list[str]:
        """The types of the messages, in the order of their arrival."""
        return [body["type"] for _, body in self.requests]

    async def received(self, type_: str, seconds: float = 30) -> dict[str, Any]:
        """Wait for a message of that type and return the latest one."""
        async with self.arrived, asyncio.timeout(seconds):
            await self.arrived.wait_for(lambda: type_ in self.types)
        return next(body for _, body in reversed(self.requests) if body["type"] == type_)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.open.set()
    application = web.Application()
    application.router.add_post("/hook/{token}", receiver.handle)
    server = TestServer(application)
    await server.start_server()
    receiver.url = str(server.make_url("/hook/t0psecret"))
    yield receiver
    receiver.open.set()
    await server.close()
