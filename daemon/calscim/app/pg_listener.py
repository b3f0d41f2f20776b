"""Hears what the journal announces (LISTEN) and wakes the reconciler it concerns.

A connection that died without a word is found by asking it something now and then; the reconcilers look by
themselves every few seconds as well, so that nothing depends on this but speed.
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

log = structlog.get_logger()

CHANNEL = "calscim"
KEEPALIVE = 15.0
PATIENCE = 3.0
_GONE = ""
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
    """For ever: call ``wake`` with the organization of each announced journal row.

    ``listen_dsn``: a way past the pooler that ``dsn`` goes through; without it nothing is heard there, and this ends.
    ``name``: the connection's application_name, by which `calscim status` knows that the daemon runs.
    """
    organizations: dict[str, str] = {}  # of each stream that was announced; "" for those of none
    way = hosts(listen_dsn or dsn)

    def announce(stream: str) -> bool:
        """False: whom it concerns has to be looked up first."""
        named = stream.startswith("@")
        organization = stream.removeprefix("@") if named else organizations.get(stream)
        if organization:
            wake(organization)
        return organization is not None

    async def look_up(stream: str) -> None:
        organizations[stream] = await db.fetchval(sql("directories.get_organization"), stream) or ""
        announce(stream)

    while True:
        try:
            await _listen(way, name, announce, look_up, through_a_pooler=listen_dsn is not None)
        except _DeafError:
            log.warning(
                "listener.disabled",
                reason="database.dsn goes through a pooler: set database.listen_dsn to a way past it, "
                "or changes wait for the reconciler to look by itself",
            )
            return
        except _LOST as error:
            log.info("listener.reconnecting", reason=f"{type(error).__name__}: {error}")
        await clock.sleep(PATIENCE / 3)


class _DeafError(Exception):
    """A pooler is in between, and passes nothing on."""


async def _listen(
    way: Hosts,
    name: str,
    announce: Callable[[str], bool],
    look_up: Callable[[str], Awaitable[None]],
    *,
    through_a_pooler: bool,
) -> None:
    """On one connection, until it is lost. ``through_a_pooler``: also on such a one, it may keep sessions."""
    heard: asyncio.Queue[str] = asyncio.Queue()  # what is not known yet

    def told(*what: object) -> None:  # hundreds of times a second while a provider pushes
        stream = str(what[3])
        if not announce(stream):
            heard.put_nowait(stream)

    settings = {"application_name": name}
    connection = await way.connect(timeout=PATIENCE, server_settings=settings)
    try:
        if goes_through(connection) and not through_a_pooler:
            raise _DeafError
        async with asyncio.timeout(PATIENCE):
            await connection.add_listener(CHANNEL, told)
        connection.add_termination_listener(lambda _: heard.put_nowait(_GONE))
        while True:
            try:
                async with asyncio.timeout(KEEPALIVE):
                    stream = await heard.get()
            except TimeoutError:
                await connection.execute("SELECT 1", timeout=PATIENCE)
                continue
            if stream == _GONE:
                raise ConnectionResetError("the server closed the connection")
            if not announce(stream):
                await look_up(stream)
    finally:
        connection.terminate()
