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
from calscim.postgres.hosts import Connection as Connection  # noqa: PLC0414 - part of this room's interface
from calscim.postgres.hosts import hosts
from calscim.postgres.outages import (
    AWAY,
    NO_CONNECTION,
    NO_ROOM,
    RAISE,
    AccessDenied,
    ConnectionLost,
    Crowded,
    ended,
    unavailable,
)
from calscim.postgres.places import BORROWER, Places, Present
from calscim.tracing import Tracing

LONGEST = 60.0  # seconds after which the server ends a statement of a pool that has a limit
# Seconds that a search without an index may take: scanning 100,000 users takes 0.5 to 1.5 s.
SEARCH = 2.0
_ENDING = 0.5  # seconds that the server has to end it, before the connection is cut
_GOODBYE = 2.0  # seconds to close all connections
_GIVE_BACK = 0.25  # seconds that a cancelled statement has to end, before the connection is cut
_SPARE = 5.0  # seconds between visits to the spare connections
_REMEMBERED = 30.0  # seconds after a refusal in which the database counts as full


class _Pool:
    """asyncpg's pool, and spare connections that were returned a moment ago.

    Spare connections are lent again at once: asyncpg's pool costs a task and two turns of the loop each time, about as
    much as a look-up.
    """

    def __init__(self, pool: asyncpg.Pool, size: int, on_failure: Callable[[], None]) -> None:
        self.pool = pool
        self.on_failure = on_failure
        self.size = size
        self.places = Places(size)
        self.searches = Places(size)
        self.present = Present()
        self.sought = 0  # the number of requests that wait for a connection
        self.expired = 0  # the number of calls of expire()
        self.refused: tuple[float, str] | None = (
            None  # the time and reason of the last refusal by a full disk
        )
        self._spare: list[Any] = []
        self._tidying: asyncio.Task[None] | None = None
        self._closing = False

    async def acquire(self, borrower: str, patience: float) -> Any:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.present.note(borrower, began)
        try:
            await self.places.take(borrower, patience)
        except TimeoutError as error:
            if self.places.is_owed(borrower) or self.present.is_alone(borrower, began):
                raise
            raise Crowded(
                "this directory has its share of the database's connections, and others wait: "
                "send fewer requests at once",
                "connections",
            ) from error
        try:
            return await self._connected(patience - (loop.time() - began))
        except BaseException:
            self.places.give_back(borrower)
            raise

    async def _connected(self, patience: float) -> Any:
        while self._spare:
            connection = self._spare.pop()
            if _is_open(connection):
                return connection
        self.sought += 1
        try:
            return await self.pool.acquire(timeout=patience)
        except NO_CONNECTION:
            self.on_failure()
            raise
        finally:
            self.sought -= 1

    async def give_back(self, connection: Any, borrower: str, *, fit: bool) -> None:
        """Return a connection. ``fit``: it had no error."""
        try:
            await self._keep(connection, fit=fit)
        finally:
            self.places.give_back(borrower)

    async def _keep(self, connection: Any, *, fit: bool) -> None:
        """Keep a connection as a spare, or return it to asyncpg's pool if a request waits there."""
        fit = fit and not self._closing and not self.sought
        if not fit or not _is_open(connection) or connection.is_in_transaction():
            await self.pool.release(connection, timeout=_GIVE_BACK)
            return
        self._spare.append(connection)
        if self._tidying is None:
            self._tidying = asyncio.create_task(self._tidy(), name="idle connections")

    async def expire(self) -> None:
        """Never lend the present connections again."""
        self.expired += 1
        await self.pool.expire_connections()
        await self._empty()

    async def close(self) -> None:
        self._closing = True
        if self._tidying is not None:
            self._tidying.cancel()
        await self._empty()
        await self.pool.close()

    async def _tidy(self) -> None:
        """Return spare connections to asyncpg's pool from time to time, which closes idle ones."""
        await asyncio.sleep(_SPARE)
        self._tidying = None
        await self._empty()

    async def _empty(self) -> None:
        while self._spare:
            with suppress(*NO_CONNECTION):
                await self.pool.release(self._spare.pop(), timeout=_GIVE_BACK)


class _Loan:
    """A connection of the pool, lent for a block.

    After the time limit the connection is cut, as a dead server never confirms a cancellation. A class and not a
    generator, because every request uses it.
    """

    __slots__ = ("_borrower", "_connection", "_expired", "_patience", "_pool", "_timer", "_within")

    def __init__(self, pool: _Pool, patience: float, within: float | None) -> None:
        self._pool = pool
        self._patience = patience
        self._within = within
        self._connection: Any = None
        self._borrower = BORROWER.get()
        self._expired = 0
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Connection:
        self.renew()
        try:
            self._connection = await self._pool.acquire(self._borrower, self._patience)
        except BaseException as error:
            self._disarm()
            if isinstance(error, NO_CONNECTION):
                raise unavailable(error) from error
            raise
        self._expired = self._pool.expired
        lent: Connection = self._connection
        return lent

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if error is not None:
                await self._explain(error)
        finally:
            self._disarm()
            # An error of returning the connection does not affect what was committed.
            with suppress(*NO_CONNECTION):
                fit = error is None and self._expired == self._pool.expired
                await self._pool.give_back(self._connection, self._borrower, fit=fit)

    def renew(self) -> None:
        """Start the time limit again."""
        self._disarm()
        if self._within is not None:
            self._timer = asyncio.get_running_loop().call_later(self._within, self._cut)

    async def _explain(self, error: BaseException) -> None:
        """Raise the StoreError for an error of the connection. Return for any other error."""
        if isinstance(error, NO_ROOM):
            self._pool.refused = (asyncio.get_running_loop().time(), str(error))
        if (
            isinstance(error, asyncpg.InsufficientPrivilegeError)
            and error.server_source_function != RAISE
        ):
            raise AccessDenied(
                f"{error}: `calscim migrate` gives the serving role its rights"
            ) from error
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            await self._pool.expire()  # another host may be the primary by now
            raise unavailable(error) from error
        if isinstance(error, AttributeError) and ended(self._connection, error):
            # asyncpg prepares a statement in several steps, and lost its protocol between two of them.
            raise ConnectionLost(str(unavailable(error))) from error
        if isinstance(error, (*AWAY, asyncpg.InternalClientError, asyncpg.InterfaceError)):
            if ended(self._connection, error):
                raise ConnectionLost(str(unavailable(error))) from error
            if not isinstance(
                error, asyncpg.InterfaceError
            ):  # an InterfaceError is a mistake of the caller
                raise unavailable(error) from error

    def _cut(self) -> None:
        if self._connection is not None:
            with suppress(asyncpg.InterfaceError):  # it is closed already
                self._connection.terminate()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class Database:
    """Connections to one database. Opening it needs no server: the first use connects.

    ``cipher``: encrypts the bodies of the journal. ``tracing``: records spans of what uses the database; None: off.
    """

    def __init__(
        self,
        pool: _Pool,
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
            reset=_as_it_is,
        )
        await pool
        shortest = patience if within is None else min(patience, within)
        return cls(_Pool(pool, size, on_failure), shortest, within, cipher, tracing)

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

    def connection(self) -> "_Loan":
        """Lend a connection for a few statements. Raises StoreUnavailable during an outage."""
        return _Loan(self._pool, self._patience, self._within)

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


def _is_open(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # it was closed and left the pool
        return False


async def _as_it_is(_: Connection) -> None:
    """Skip the reset of asyncpg's pool: no statement changes the session, and the reset costs a round trip."""
