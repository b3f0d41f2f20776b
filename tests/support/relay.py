"""Passes HTTP requests on to a server and records them. A test can change the responses on the way."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

FORWARDED = ("Authorization", "Content-Type", "Accept", "If-Match", "If-None-Match")
Change = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its status."""

    method: str
    path: str
    status: int


@dataclass(slots=True)
class Relay:
    """``url`` stands for the server's base URL. ``change`` receives the path and the body of each response."""

    target: str
    session: aiohttp.ClientSession
    change: Change
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        body = await request.read()
        url = self.target + request.path_qs
        async with self.session.request(request.method, url, data=body, headers=headers) as got:
            content = await got.read()
            self.exchanges.append(Exchange(request.method, request.path, got.status))
            if content:
                content = json.dumps(self.change(request.path, json.loads(content))).encode()
            kept = {"Content-Type": got.headers.get("Content-Type", "")} if content else {}
            return web.Response(status=got.status, body=content, headers=kept)


@asynccontextmanager
async def relayed(target: str, change: Change) -> AsyncIterator[Relay]:
    """Yield a relay in front of a server, such as ``http://127.0.0.1:8085``."""
    async with aiohttp.ClientSession() as session:
        relay = Relay(target, session, change)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", relay.handle)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            relay.url = f"http://{host}:{port}"
            yield relay
        finally:
            await runner.cleanup()
