"""A TCP proxy in front of a real Postgres that simulates network failures on demand.

The proxy looks at bytes, not at the protocol, with one exception: a ReadyForQuery at the end of a chunk from the
server shows that a statement has ended. A connection that was swallowed stays dead after the proxy is healed, like
a half-open connection.
"""

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Self

CHUNK = 65536
FIRST_WORDS = 4096  # bytes from the start of a connection that are remembered
# ReadyForQuery (protocol 3.0, "Message Formats"): Z, length 5, and I, T or E for the transaction's state.
READY = b"Z\x00\x00\x00\x05"


class Mode(Enum):
    PASS = auto()
    REFUSE = auto()  # the port is closed
    SWALLOW = auto()  # connections are accepted, and never get a reply


@dataclass(slots=True)
class Trap:
    """A fault that happens once, to the first connection whose client sends these words."""

    words: bytes
    after: bool = False  # let the server execute the statement, then lose its reply
    silent: bool = False  # stop answering instead of cutting the connection
    held: bool = False  # delay the words until released, then pass them on
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False, slots=True)
class Link:
    """The connection of one client."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    swallowed: bool = False
    unanswered: bool = False  # a chunk from the client was swallowed
    caught: Trap | None = None  # the trap whose statement is running; it is cut at the end
    left: int | None = None  # bytes from the client that still pass
    said: bytes = b""  # the first bytes from the client
    task: asyncio.Task[None] | None = None

    def cut(self) -> None:
        """Abort both sides of the connection; the peers see a reset."""
        for writer in (self.client, self.server):
            if writer is not None:
                writer.transport.abort()


class Proxy:
    """Use as ``async with Proxy(path_of_socket) as proxy``; listens on 127.0.0.1 at ``proxy.port``."""

    def __init__(self, upstream: Path | tuple[str, int]) -> None:
        self.upstream = upstream
        self.port = 0
        self.delay = 0.0  # seconds that each chunk waits, in both directions
        self.mode = Mode.PASS
        self.accepted = 0
        self._links: set[Link] = set()
        self._traps: list[Trap] = []
        self._limit: int | None = None
        self._server: asyncio.Server | None = None
        # Reserves the port while the proxy does not listen.
        self._place = socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    async def __aenter__(self) -> Self:
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._place.bind(("127.0.0.1", 0))
        self.port = self._place.getsockname()[1]
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._deafen()
        tasks = [link.task for link in self._links if link.task is not None]
        self.drop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._place.close()

    @property
    def connections(self) -> int:
        """The number of clients that are connected now."""
        return len(self._links)

    @property
    def unanswered(self) -> int:
        """The number of connected clients that wait for a reply that never comes."""
        return sum(link.unanswered for link in self._links)

    # ------------------------------------------------------------ faults

    def drop(self) -> None:
        """Reset every open connection; new connections are served."""
        for link in list(self._links):
            link.cut()

    async def refuse(self) -> None:
        """Reset every open connection and refuse new ones."""
        self.mode = Mode.REFUSE
        await self._deafen()
        self.drop()

    def swallow(self) -> None:
        """Make every connection half-open: open and new connections never get a reply."""
        self.mode = Mode.SWALLOW
        for link in self._links:
            link.swallowed = True

    def swallow_present(self, words: bytes = b"") -> int:
        """Make open connections that began with these words half-open and return their number; new ones are served."""
        found = [link for link in self._links if words in link.said]
        for link in found:
            link.swallowed = True
        return len(found)

    def say(self, words: bytes) -> None:
        """Send these bytes to every client, as if they came from the server."""
        for link in self._links:
            link.client.write(words)

    async def heal(self) -> None:
        """End all faults for new connections."""
        self.mode, self.delay, self._limit = Mode.PASS, 0.0, None
        self._traps.clear()
        if self._server is None:
            await self._listen()

    def cut_before(self, words: bytes) -> asyncio.Event:
        """Cut the connection instead of passing the words on. Return an event that is set when this happens."""
        return self._trap(Trap(words))

    def cut_after(self, words: bytes, *, silent: bool = False) -> asyncio.Event:
        """Let the server finish the statement with these words, then lose its reply."""
        return self._trap(Trap(words, after=True, silent=silent))

    def hold(self, words: bytes) -> Trap:
        """Hold the words back until ``released``, even if the client disconnects meanwhile."""
        trap = Trap(words, held=True)
        self._trap(trap)
        return trap

    def cut_at(self, count: int) -> None:
        """Cut each new connection once its client has sent that many bytes."""
        self._limit = count

    def _trap(self, trap: Trap) -> asyncio.Event:
        self._traps.append(trap)
        return trap.sprung

    # ------------------------------------------------------------ plumbing

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, reuse_port=True, backlog=128
        )

    async def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = Link(writer, swallowed=self.mode is Mode.SWALLOW, left=self._limit)
        link.task = asyncio.current_task()
        self._links.add(link)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._carry(link, reader)
        finally:
            self._links.discard(link)
            link.cut()

    async def _carry(self, link: Link, reader: asyncio.StreamReader) -> None:
        if link.swallowed:
            while await reader.read(CHUNK):
                pass
            return
        if isinstance(self.upstream, Path):
            answers, link.server = await asyncio.open_unix_connection(self.upstream)
        else:
            answers, link.server = await asyncio.open_connection(*self.upstream)
        ways = (
            asyncio.ensure_future(self._there(link, reader, link.server)),
            asyncio.ensure_future(self._back(link, answers)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _there(
        self, link: Link, reader: asyncio.StreamReader, server: asyncio.StreamWriter
    ) -> None:
        while chunk := await reader.read(CHUNK):
            if len(link.said) < FIRST_WORDS:
                link.said += chunk
            await self._wait()
            if link.swallowed:
                link.unanswered = True
                continue
            if link.left is not None and len(chunk) > link.left:
                server.write(chunk[: link.left])
                await server.drain()
                return
            if link.left is not None:
                link.left -= len(chunk)
            trap = next((trap for trap in self._traps if trap.words in chunk), None)
            if trap is not None:
                self._traps.remove(trap)
                if trap.after:
                    link.caught = trap
                else:
                    trap.sprung.set()
                    if not trap.held:
                        return
                    await trap.released.wait()
            server.write(chunk)
            await server.drain()

    async def _back(self, link: Link, answers: asyncio.StreamReader) -> None:
        while chunk := await answers.read(CHUNK):
            await self._wait()
            if link.swallowed:
                continue
            if link.caught is not None:
                if chunk[-6:-1] == READY:
                    link.caught.sprung.set()
                    if not link.caught.silent:
                        return
                    link.swallowed = True
                continue
            link.client.write(chunk)
            await link.client.drain()

    async def _wait(self) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
