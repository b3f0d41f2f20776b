"""Serve the bare floor: aiohttp with one INSERT or SELECT, on the same database, loop, and pool size as calscim."""

import sys

import asyncpg
import uvloop
from aiohttp import web


async def application(dsn: str) -> web.Application:
    pool = await asyncpg.create_pool(dsn, min_size=8, max_size=8)
    await pool.execute("CREATE TABLE IF NOT EXISTS floor (id bigserial PRIMARY KEY, body text)")

    async def insert(request: web.Request) -> web.Response:
        body = await request.text()
        number = await pool.fetchval("INSERT INTO floor (body) VALUES ($1) RETURNING id", body)
        return web.json_response({"id": number}, status=201)

    async def select(request: web.Request) -> web.Response:
        body = await pool.fetchval(
            "SELECT body FROM floor WHERE id = $1", int(request.match_info["number"])
        )
        return web.Response(text=body or "{}", content_type="application/json")

    app = web.Application()
    app.router.add_post("/floor", insert)
    app.router.add_get("/floor/{number}", select)
    return app


def main() -> None:
    uvloop.install()
    web.run_app(
        application(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        access_log=None,
        print=None,
    )


if __name__ == "__main__":
    main()
