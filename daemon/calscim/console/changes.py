"""Tells open pages that something has changed, as server-sent events.

While a page is open, one query a second looks for changes on behalf of all of them. A page then asks for its parts
again; events have no content, so that every answer is checked against the session and the role.
"""

import asyncio
from contextlib import suppress

import asyncpg
from aiohttp import web

from calscim.clock import Clock
from calscim.errors import StoreError
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

EVERY = 1.0  # seconds between two looks
HEARTBEAT = 15.0  # seconds after which a stream without a change says that it is alive
LONGEST = 600.0  # seconds of a stream; the browser opens another one, for which the session is checked again
_STATEMENT_TIMEOUT = 2.0  # seconds


class Changes:
    """Watches for changes while pages listen."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db.within(_STATEMENT_TIMEOUT)
        self._clock = clock
        self._listeners: set[asyncio.Event] = set()
        self._present = asyncio.Event()
        self._seen: object = None
        self._closing = asyncio.Event()

    async def run(self) -> None:
        """Look for changes until cancelled."""
        while True:
            await self._present.wait()
            with suppress(StoreError, asyncpg.PostgresError, asyncpg.InterfaceError):
                found = await self._db.fetchval(sql("console.get_fingerprint"))
                if self._seen not in (None, found):
                    for listener in self._listeners:
                        listener.set()
                self._seen = found
            await self._clock.sleep(EVERY)

    async def close(self, _: web.Application) -> None:
        """End all streams, so that a daemon that stops does not wait for open pages (signal on_shutdown)."""
        self._closing.set()
        for listener in self._listeners:
            listener.set()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Answer with an event for every change, until the page closes."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        changed = asyncio.Event()
        self._listeners.add(changed)
        self._present.set()
        try:
            await response.prepare(request)  # fails if the page is already closed
            # What changed between the page and this stream, or between two streams, is asked for once.
            await response.write(b"retry: 2000\n\nevent: changed\ndata: 1\n\n")
            ends = self._clock.monotonic() + LONGEST
            while self._clock.monotonic() < ends and not self._closing.is_set():
                try:
                    await asyncio.wait_for(changed.wait(), HEARTBEAT)
                except TimeoutError:
                    await response.write(b": alive\n\n")
                    continue
                changed.clear()
                if self._closing.is_set():
                    break
                await response.write(b"event: changed\ndata: 1\n\n")
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._listeners.discard(changed)
            if not self._listeners:
                self._present.clear()
                self._seen = None
        return response
