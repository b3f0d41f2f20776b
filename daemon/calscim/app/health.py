"""Serves /healthz, /readyz and /metrics to operators. It listens on loopback unless configured otherwise."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from calscim.errors import ScimError
from calscim.terminal import printable

Readiness = Callable[[], Awaitable[str | None]]


def plain_error(error: ScimError) -> web.Response:
    """Return the error as plain text."""
    return web.Response(status=error.status, text=error.detail + "\n", headers=error.headers)


def ops_app(
    registry: CollectorRegistry, unready: Readiness, refresh: Callable[[], Awaitable[None]]
) -> web.Application:
    """Return the application. ``unready`` returns why SCIM cannot be answered at the moment, or None.

    ``refresh`` is called before the metrics are read, and reads what they show of the database.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        reason = await unready()
        if reason is None:
            return web.Response(text="ready\n")
        return web.Response(status=503, text=printable(reason) + "\n", headers={"Retry-After": "2"})

    async def metrics(_: web.Request) -> web.Response:
        await refresh()
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app
