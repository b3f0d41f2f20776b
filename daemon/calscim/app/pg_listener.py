"""Listens for the NOTIFY of new journal rows and wakes the organization that they concern.

A query every KEEPALIVE seconds finds a connection that died silently. The controller also polls the journal every few
seconds, so that only speed depends on this module.
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import structlog

from calscim.clock import Clock
from calscim.errors import StoreUnavailable
from calscim.postgres.hosts import Hosts, hosts
from calscim.postgres.pgbouncer import goes_through
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler.backoff import Notice

log = structlog.get_logger()

CHANNEL = "calscim"
KEEPALIVE = 15.0  # seconds
TIMEOUT = 3.0
_CLOSED = ""  # in the queue of streams: the connection was closed
_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    StoreUnavailable,
)


async def listen(
    dsn: str,
    db: Database,
    clock: Clock,
    wake: Callable[[str], None],
    listen_dsn: str | None = None,
    name: str = "calscim",
) -> None:
    """Call ``wake`` with the organization of each announced journal row, until cancelled.

    ``listen_dsn``: a DSN past PgBouncer. Without it PgBouncer passes no announcements on, and the listener ends.
    ``name``: the connection's application_name, which tells `calscim status` that the daemon runs.
    """
    organizations: dict[str, str] = {}  # by stream; "" for a stream without an organization
    servers = hosts(listen_dsn or dsn)

    def announce(stream: str) -> bool:
        """Wake the stream's organization; return False if the organization must be looked up first."""
        is_named = stream.startswith("@")
        organization = stream.removeprefix("@") if is_named else organizations.get(stream)
        if organization:
            wake(organization)
        return organization is not None

    async def look_up(stream: str) -> None:
        organizations[stream] = await db.fetchval(sql("directories.get_organization"), stream) or ""
        announce(stream)

    lost = Notice()
    while True:
        try:
            await _listen(
                servers,
                name,
                announce,
                look_up,
                lost.end,
                through_a_pooler=listen_dsn is not None,
            )
        except _PoolerError:
            log.warning(
                "listener.disabled",
                reason="database.dsn goes through PgBouncer: set database.listen_dsn to a DSN past it, "
                "or changes wait until the reconciler polls",
            )
            return
        except _LOST as error:
            if lost.is_news("", clock.monotonic()):
                log.info("listener.reconnecting", reason=f"{type(error).__name__}: {error}")
        await clock.sleep(TIMEOUT / 3)


class _PoolerError(Exception):
    """PgBouncer is in between, and passes no announcements on."""


async def _listen(
    servers: Hosts,
    name: str,
    announce: Callable[[str], bool],
    look_up: Callable[[str], Awaitable[None]],
    connected: Callable[[], object],
    *,
    through_a_pooler: bool,
) -> None:
    """Listen on one connection until it is lost. ``through_a_pooler``: PgBouncer may be in session mode."""
    unknown: asyncio.Queue[str] = asyncio.Queue()  # streams whose organization must be looked up

    def notified(*arguments: object) -> None:  # hundreds of times a second during a push
        stream = str(arguments[3])
        if not announce(stream):
            unknown.put_nowait(stream)

    settings = {"application_name": name}
    connection = await servers.connect(timeout=TIMEOUT, server_settings=settings)
    try:
        if goes_through(connection) and not through_a_pooler:
            raise _PoolerError
        async with asyncio.timeout(TIMEOUT):
            await connection.add_listener(CHANNEL, notified)
        connected()
        connection.add_termination_listener(lambda _: unknown.put_nowait(_CLOSED))
        while True:
            try:
                async with asyncio.timeout(KEEPALIVE):
                    stream = await unknown.get()
            except TimeoutError:
                await connection.execute("SELECT 1", timeout=TIMEOUT)
                continue
            if stream == _CLOSED:
                raise ConnectionResetError("the server closed the connection")
            if not announce(stream):
                await look_up(stream)
    finally:
        connection.terminate()
