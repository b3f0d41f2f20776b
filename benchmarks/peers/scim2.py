"""Serve scim2-server behind aiohttp, as calscim is, with its own storage in memory."""

import sys

import orjson
import uvloop
from aiohttp import web
from scim2_models import ScimProvider
from scim2_server.handler import AsyncScimHandler
from scim2_server.memory import AsyncInMemoryStorage
from scim2_server.requests import ScimRequest
from scim2_server.service import ScimService

from calscim.scim.schema import provider


def application(described: ScimProvider, token: str) -> web.Application:
    service = ScimService(described)
    handler = AsyncScimHandler(service, AsyncInMemoryStorage())

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {token}":
            return web.Response(status=401)
        asked = ScimRequest(
            method=request.method,
            base_url="http://127.0.0.1/scim",
            path=request.path.removeprefix("/scim"),
            query=dict(request.query),
            headers=dict(request.headers),
            body=await request.read(),
        )
        found = await handler.handle(asked)
        body = b"" if found.body is None else orjson.dumps(found.body)
        return web.Response(body=body, status=int(found.status), headers=dict(found.headers))

    app = web.Application()
    app.router.add_route("*", "/scim{rest:.*}", answer)
    return app


def main() -> None:
    uvloop.install()
    web.run_app(
        application(provider(4 * 1024 * 1024), sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
    )


if __name__ == "__main__":
    main()
