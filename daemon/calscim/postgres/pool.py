"""The pool of connections, which can outlive an outage of the server.

Errors of reaching the server become StoreUnavailable, within the time limit. Errors of a statement stay asyncpg's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import asyncpg

from calscim.encryption import PLAIN, Cipher
from calscim.errors import StoreUnavailable
from calscim.postgres.connection_loans import Lending, Loan
from calscim.postgres.fair_shares import BORROWER
from calscim.postgres.hosts import Connection as Connection  # noqa: PLC0414 - part of this room's interface
from calscim.postgres.hosts import hosts
from calscim.postgres.outages import NO_CONNECTION, ConnectionLost, Crowded
from calscim.tracing import Tracing

LONGEST = 60.0  # seconds after which the server ends a statement of a pool that has a limit
# Seconds that a search without an index may take: scanning 100,000 users takes 0.5 to 1.5 s.
SEARCH = 2.0
_ENDING = 0.5  # seconds that the server has to end it, before the connection is cut
_GOODBYE = 2.0  # seconds to close all connections
_REMEMBERED = 30.0  # seconds after a refusal in which the database counts as full


class Database:
    """Connections to one database. Opening it needs no server: the first use connects.

    ``cipher``: encrypts the bodies of the journal. ``tracing``: records spans of what uses the database; None: off.
    """

    def __init__(
        self,
        pool: Lending,
        patience: float,
        within: float | None,
        cipher: Cipher,
        tracing: Tracing | None = None,
    ) -> None:
        self.cipher = cipher
        self.tracing = tracing
        self._pool = pool
        self._patience = patience
        self._within = within

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        size: int = 8,
        patience: float = 1.5,
        connecting: float | None = None,
        within: float | None = None,
        longest: float = LONGEST,
        cipher: Cipher = PLAIN,
        on_failure: Callable[[], None] = lambda: None,
        tracing: Tracing | None = None,
    ) -> Self:
        """Open a pool.

        ``patience``: seconds to wait for a connection before StoreUnavailable.

        ``connecting``: seconds of those that a new connection may take. None: all of them.

        ``within``: seconds after which a lent connection is cut, if the server hangs. None: no limit.

        ``longest``: seconds after which the server ends a statement, if ``within`` is set.

        ``on_failure``: called when a connection could not be opened.
        """
        way = hosts(dsn, None if within is None else max(within, longest))
        pool = asyncpg.create_pool(  # type: ignore[call-overload] # the stubs have fewer options
            min_size=0,
            max_size=size,
            timeout=connecting or patience,
            connect=way.connect,
            reset=_end_implicit_transaction,
        )
        await pool
        shortest = patience if within is None else min(patience, within)
        return cls(Lending(pool, size, on_failure), shortest, within, cipher, tracing)

    def within(self, seconds: float) -> Self:
        """Return the same pool with a shorter time limit."""
        patience = min(self._patience, seconds)
        return type(self)(self._pool, patience, seconds, self.cipher, self.tracing)

    async def close(self) -> None:
        """Close the connections, and cut those that are in use or do not answer after a moment."""
        try:
            await asyncio.wait_for(self._pool.close(), _GOODBYE)
        except TimeoutError:
            self._pool.pool.terminate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def refused(self) -> str | None:
        """Return the recent refusal of a statement because of a full or broken disk, or None."""
        if self._pool.refused is None:
            return None
        at, reason = self._pool.refused
        if asyncio.get_running_loop().time() - at > _REMEMBERED:
            return None
        return f"the database has no room ({reason}): make room on its disk"

    @property
    def has_been_refused(self) -> bool:
        """Return True if a full or broken disk refused a statement, and ``forget_refusal`` was not called since."""
        return self._pool.refused is not None

    def forget_refusal(self) -> None:
        """Note that the disk takes writes again."""
        self._pool.refused = None

    @property
    def sought(self) -> bool:
        """Return True if a request waits for a connection."""
        return self._pool.sought > 0 or self._pool.places.awaited

    @property
    def size(self) -> int:
        """Return how many connections the pool may open."""
        return self._pool.size

    @property
    def in_use(self) -> int:
        """Return how many connections are lent or being opened."""
        return self._pool.places.taken

    @property
    def waiting(self) -> int:
        """Return how many tasks wait for a connection."""
        return self._pool.places.waiting

    def connection(self) -> Loan:
        """Lend a connection for a few statements. Raises StoreUnavailable during an outage."""
        return Loan(self._pool, self._patience, self._within)

    @asynccontextmanager
    async def searching(self) -> AsyncIterator[Self]:
        """Lend a connection for a long search. Raises Crowded if it takes too long, or if no place is free."""
        pool, borrower = self._pool, BORROWER.get()
        loop = asyncio.get_running_loop()
        alone = pool.present.is_alone(borrower, loop.time())
        pool.searches.resize(max(1, pool.size - 1 if alone else pool.size // 2))
        try:
            await pool.searches.take(borrower, self._patience)
        except TimeoutError as error:
            raise Crowded(
                "searches of this directory wait for others that take long: send fewer at once, "
                "or compare userName, externalId, emails.value, displayName of a group or id with eq",
                "searches",
            ) from error
        began = loop.time()
        try:
            within = SEARCH + _ENDING
            yield type(self)(pool, self._patience, within, self.cipher, self.tracing)
        except StoreUnavailable as error:
            took = isinstance(error, ConnectionLost) and loop.time() - began >= SEARCH
            if not took and not isinstance(error.__cause__, asyncpg.QueryCanceledError):
                raise
            raise Crowded(
                f"this search takes more than {SEARCH:.0f} s: narrow it by comparing userName, "
                "externalId, emails.value, displayName of a group or id with eq",
                "searches",
            ) from error
        finally:
            pool.searches.give_back(borrower)

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self.connection() as connection:
            return await connection.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        async with self.connection() as connection:
            return await connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        async with self.connection() as connection:
            return await connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> str:
        async with self.connection() as connection:
            return await connection.execute(query, *arguments)


@asynccontextmanager
async def begun(connection: Connection) -> AsyncIterator[None]:
    """Begin a transaction, which the caller commits. An open transaction is rolled back at the end of the block."""
    await connection.execute("BEGIN")
    try:
        yield
    finally:
        with suppress(*NO_CONNECTION):  # without a connection no transaction is open
            if connection.is_in_transaction():
                await connection.execute("ROLLBACK")


async def _end_implicit_transaction(connection: Connection) -> None:
    """End the transaction of a statement that was prepared and not executed, because the task was cancelled in between.

    The next transaction could not choose its isolation level. Nothing else is reset: no statement changes the session.
    """
    await connection.execute("SELECT")  # asyncpg cannot send an empty query
