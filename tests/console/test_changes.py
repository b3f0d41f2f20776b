"""Open pages learn of changes by server-sent events, and Postgres is asked only while a page is open."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from calscim.console import changes
from calscim.console.changes import Changes
from tests.support.acme import Acme
from tests.support.waiting import until

WAIT = 20.0  # seconds


@pytest.fixture
async def watching(site, monkeypatch):
    """Look for changes often, as a task of the daemon does each second."""
    monkeypatch.setattr(changes, "EVERY", 0.02)
    task = asyncio.create_task(site.services.changes.run())
    yield
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@asynccontextmanager
async def listening(browser):
    """Yield the stream of a page that is open."""
    async with browser.session.get(f"{browser.site.url}/live") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert await response.content.readline() == b"retry: 2000\n"
        # The first event lets the page ask for what has changed since it was made.
        assert await read(response.content) == "event: changed"
        assert await read(response.content) == "data: 1"
        yield response.content


async def read(stream):
    """Return the next line that is not empty, or None at the end."""
    async with asyncio.timeout(WAIT):
        while line := await stream.readline():
            if line.strip():
                return line.decode().strip()
    return None


async def has_looked(site):
    """Wait until the watcher has seen the state that it compares with."""
    await until(lambda: site.services.changes._seen is not None, WAIT)


async def test_a_push_is_an_event_for_every_open_page(site, browser, db, watching):
    acme = Acme(db, await site.directory())
    other = await site.signed_in("viewer")
    async with listening(browser) as first, listening(other) as second:
        await has_looked(site)

        await acme.happen()

        for stream in (first, second):
            assert await read(stream) == "event: changed"
            assert await read(stream) == "data: 1"


async def test_a_quiet_stream_says_that_it_is_alive(site, browser, monkeypatch):
    monkeypatch.setattr(changes, "HEARTBEAT", 0.05)

    async with listening(browser) as stream:
        assert await read(stream) == ": alive"
        assert await read(stream) == ": alive"


async def test_a_stream_ends_so_that_the_session_is_checked_again(site, browser, monkeypatch):
    monkeypatch.setattr(changes, "HEARTBEAT", 0.05)
    monkeypatch.setattr(changes, "LONGEST", 0.1)

    async with listening(browser) as stream:
        while (line := await read(stream)) is not None:
            assert line == ": alive"


async def test_a_page_that_closed_meanwhile_is_no_error(site, browser, monkeypatch):
    async def closed(*_):
        raise ConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(web.StreamResponse, "prepare", closed)
    with capture_logs() as logs, pytest.raises(aiohttp.ClientError):
        await browser.open("/live")

    assert [line for line in logs if line["event"] == "console.failed"] == []


async def test_without_a_session_the_browser_is_told_to_ask_no_more(site):
    stranger = await site.browser()

    answer = await stranger.open("/live", follow=False)

    assert answer.status == 204


class CountingDatabase:
    """Counts the looks at the database."""

    def __init__(self):
        self.looks = 0

    def within(self, _seconds):
        return self

    async def fetchval(self, _query):
        self.looks += 1
        return self.looks


class SteppedClock:
    """A clock whose sleeps end when the test says so."""

    def __init__(self):
        self.steps = asyncio.Queue()
        self.asleep = asyncio.Event()

    async def sleep(self, _seconds):
        self.asleep.set()
        await self.steps.get()
        self.asleep.clear()


async def test_nothing_is_asked_while_no_page_is_open():
    db, clock = CountingDatabase(), SteppedClock()
    watch = Changes(db, clock)
    task = asyncio.create_task(watch.run())
    for _ in range(5):
        await asyncio.sleep(0)
    assert db.looks == 0

    watch._present.set()
    await asyncio.wait_for(clock.asleep.wait(), WAIT)
    assert db.looks == 1

    watch._present.clear()
    clock.steps.put_nowait(None)
    for _ in range(5):
        await asyncio.sleep(0)
    assert db.looks == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
