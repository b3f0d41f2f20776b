"""Runs the console beside the daemon: its own listener, and its own connections to Postgres.

The console edits like the command line, so that it connects with ``database.operator_dsn`` if there is one. Its pool is
small and separate: an open page never takes a connection from SCIM.
"""

import asyncio
import os
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp
from aiohttp import web

from calscim.admin.console_access import delete_expired
from calscim.app.connections import Connections, Runner
from calscim.app.databases import Databases
from calscim.app.health import plain_error
from calscim.app.listeners import bound, listen
from calscim.app.reload import Reloads
from calscim.clock import Clock
from calscim.config import Console, effective
from calscim.postgres.outages import STORE_ERRORS
from calscim.postgres.pool import Database
from calscim.scim.client_address import TrustedProxies

POOL_SIZE = 4  # connections
PATIENCE = 5.0  # seconds that a page may wait for the database
MAX_CONNECTIONS = 200  # of browsers, each with a stream of changes
DRAIN = 2.0  # seconds
_EXPIRY_EVERY = 600.0  # seconds


class ConsoleServer:
    """The console of one daemon."""

    def __init__(
        self,
        console: Console,
        databases: Databases,
        http: aiohttp.ClientSession,
        clock: Clock,
    ) -> None:
        self._console = console
        self._databases = databases
        self._http = http
        self._clock = clock

    async def start(
        self, stack: AsyncExitStack, reloads: Reloads, configuration: Path | None
    ) -> str:
        """Listen until the stack ends; return the address. Raise ConfigError if that is impossible.

        ``reloads``: has the settings that the daemon runs with. ``configuration``: the file that they come from.
        """
        from calscim.console.compose import compose  # noqa: PLC0415 - loads Jinja2 and joserfc
        from calscim.console.services import SERVICES  # noqa: PLC0415

        console = self._console
        dsn = reloads.settings.database.operator_dsn or self._databases.dsn
        cipher = reloads.settings.journal.cipher()
        db = await stack.enter_async_context(
            await Database.open(dsn, size=POOL_SIZE, patience=PATIENCE, cipher=cipher)
        )
        reloads.follow(db)
        self._db = db
        made = compose(
            console,
            db,
            self._http,
            self._clock,
            running=lambda: reloads.settings,
            effective=lambda: effective(configuration, os.environ, reloads.settings),
        )
        self._changes = made[SERVICES].changes
        connections = Connections(MAX_CONNECTIONS, MAX_CONNECTIONS, TrustedProxies.of(()))
        runner = Runner(made, connections, plain_error, shutdown_timeout=DRAIN)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        site: web.BaseSite = await listen(runner, console.listen, name="console")
        return bound(site)

    async def run(self) -> None:
        """Watch for changes on behalf of open pages, and delete expired sessions, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._changes.run())
            group.create_task(self._delete_expired())

    async def _delete_expired(self) -> None:
        while True:
            with suppress(*STORE_ERRORS):
                await delete_expired(self._db, self._console.idle_timeout)
            await self._clock.sleep(_EXPIRY_EVERY)
