"""Answers GET /v1/events with a page of the change feed, and waits for the next event if the client asks for that."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
from aiohttp import web

from calscim.app.events.access import Access
from calscim.app.events.parameters import Parameters, parameters
from calscim.app.events.problems import FeedError
from calscim.clock import Clock
from calscim.journal.feed import read
from calscim.journal.feed.read import Page
from calscim.postgres.outages import STORE_ERRORS
from calscim.postgres.pool import Database

PATH = "/v1/events"
READERS = 2  # requests that use the database at the same time: passes need the other connections
MAX_WAITING = 50  # clients that wait for an event; others are answered at once
POLL = 1.0  # seconds between two looks for rows that are not announced, such as calls to Cal.com


@dataclass(slots=True)
class EventsApi:
    """Answers GET /v1/events. ``keep``: seconds for which events are kept; None: forever."""

    db: Database
    clock: Clock
    keep: float | None
    access: Access = field(init=False)
    _readers: asyncio.Semaphore = field(init=False)
    _announced: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _waiting: int = field(default=0, init=False)
    _is_closing: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.access = Access(self.db, self.clock)
        self._readers = asyncio.Semaphore(READERS)

    def add_to(self, application: web.Application) -> None:
        application.router.add_get(PATH, self.handle)
        application.on_shutdown.append(self._close)

    def announce(self) -> None:
        """Wake the clients that wait: the journal has a new row."""
        if self._waiting:
            self._announced.set()
            self._announced = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        try:
            organization = await self.access.organization(request)
            wanted = parameters(request.query)
            found = await self._next(wanted, organization)
        except FeedError as error:
            return error.response()
        except STORE_ERRORS as error:
            detail = f"the events cannot be read at the moment: {error}"
            return FeedError(503, detail, {"Retry-After": "2"}).response()
        last = found.events[-1].seq if found.events else wanted.after
        events = [orjson.Fragment(event.as_json()) for event in found.events]
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return web.Response(body=orjson.dumps({"events": events, "next": last}), headers=headers)

    async def _next(self, wanted: Parameters, organization: str | None) -> Page:
        """Return the page; if it is empty, that of the next event within the time that the client waits."""
        until = self.clock.monotonic() + wanted.wait
        while True:
            announced = self._announced
            found = await self._page(wanted, organization)
            left = until - self.clock.monotonic()
            if found.events or left <= 0 or self._is_closing or self._waiting >= MAX_WAITING:
                return found
            self._waiting += 1
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, POLL)):
                        await announced.wait()
            finally:
                self._waiting -= 1

    async def _page(self, wanted: Parameters, organization: str | None) -> Page:
        async with self._readers:
            found = await read.page(
                self.db, wanted.after, wanted.limit, self._since(), organization
            )
        if 0 < wanted.after < found.deleted_seq:
            raise FeedError(
                410,
                f"the events up to {found.deleted_seq} are older than ops.keep_events and were deleted: read all users "
                f"and groups again, then continue with after={found.deleted_seq}",
            )
        return found

    def _since(self) -> datetime | None:
        return None if self.keep is None else self.clock.now() - timedelta(seconds=self.keep)

    async def _close(self, _: web.Application) -> None:
        """Answer the clients that wait, so that the daemon can stop."""
        self._is_closing = True
        self.announce()
