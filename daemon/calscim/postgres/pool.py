"""The pool of connections, which may be without a server for a while.

Whatever goes wrong with reaching the server is StoreUnavailable, within the time given; what is wrong with
a statement stays asyncpg's own error.
"""

import asyncio
from collections.abc import AsyncIterator
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

LONGEST = 60.0  # seconds after which the server ends a statement of a pool that has a limit
# Seconds that a search may take which no index serves: 100,000 users are gone through in 0.5 to 1.5 s.
SEARCH = 2.0
_ENDING = 0.5  # seconds in which the server ends it, before its connection is cut
_GOODBYE = 2.0  # seconds for all connections to end
_GIVE_BACK = 0.25  # seconds that a cancelled statement has to end in, before its connection is cut
_SPARE = 5.0  # seconds until connections that were given back are seen to
_REMEMBERED = 30.0  # seconds after a refusal for want of room in which the database counts as full


class _Pool:
    """asyncpg's pool, and the connections that were given back a moment ago.

    Those are lent again as they are: to go through the pool costs a task and two turns of the loop each time,
    about as much as a look-up does.
    """

    def __init__(self, pool: asyncpg.Pool, size: int) -> None:
        self.pool = pool
        self.size = size
        self.places = Places(size)
        self.searches = Places(size)
        self.present = Present()
        self.sought = 0  # how many ask for a connection, and have none yet
        self.expired = 0  # how often all that were there became unfit
        self.refused: tuple[float, str] | None = None  # the last refusal for want of room, and when
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
        finally:
            self.sought -= 1

    async def give_back(self, connection: Any, borrower: str, *, fit: bool) -> None:
        """``fit``: nothing has gone wrong with it."""
        try:
            await self._keep(connection, fit=fit)
        finally:
            self.places.give_back(borrower)

    async def _keep(self, connection: Any, *, fit: bool) -> None:
        """Among those that are lent again, or in asyncpg's pool if a request waits for that one."""
        fit = fit and not self._closing and not self.sought
        if not fit or not _is_open(connection) or connection.is_in_transaction():
            await self.pool.release(connection, timeout=_GIVE_BACK)
            return
        self._spare.append(connection)
        if self._tidying is None:
            self._tidying = asyncio.create_task(self._tidy(), name="idle connections")

    async def expire(self) -> None:
        """None that is there now is lent again."""
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
        """Now and then to asyncpg's pool, which closes those that nobody uses."""
        await asyncio.sleep(_SPARE)
        self._tidying = None
        await self._empty()

    async def _empty(self) -> None:
        while self._spare:
            with suppress(*NO_CONNECTION):
                await self.pool.release(self._spare.pop(), timeout=_GIVE_BACK)


class _Loan:
    """A connection of the pool, for as long as the block lasts.

    Where it has a limit, the connection is cut then. Cancelling would not do: one that died without a word
    never confirms it. A class and no generator: every request passes here.
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
            # What was committed stays so, whatever becomes of the connection.
            with suppress(*NO_CONNECTION):
                fit = error is None and self._expired == self._pool.expired
                await self._pool.give_back(self._connection, self._borrower, fit=fit)

    def renew(self) -> None:
        """From now on, the whole time again."""
        self._disarm()
        if self._within is not None:
            self._timer = asyncio.get_running_loop().call_later(self._within, self._cut)

    async def _explain(self, error: BaseException) -> None:
        """Raise what an error means; return where it means what it says."""
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
            await self._pool.expire()  # the primary may be another host by now
            raise unavailable(error) from error
        if isinstance(error, AttributeError) and ended(self._connection, error):
            # asyncpg prepares a statement in several steps, and found its protocol gone at the next one.
            raise ConnectionLost(str(unavailable(error))) from error
        if isinstance(error, (*AWAY, asyncpg.InternalClientError, asyncpg.InterfaceError)):
            if ended(self._connection, error):
                raise ConnectionLost(str(unavailable(error))) from error
            if not isinstance(error, asyncpg.InterfaceError):  # which is a mistake in the call
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

    ``cipher`` is what bodies pass on their way into its journal, and back.
    """

    def __init__(self, pool: _Pool, patience: float, within: float | None, cipher: Cipher) -> None:
        self.cipher = cipher
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
    ) -> Self:
        """``patience``: seconds to wait for a connection before StoreUnavailable.

        ``connecting``: seconds of those that a new connection may take. None: all of them.

        ``within``: seconds from asking for a connection until it is cut, where the server does not answer
        or is stuck. None: as long as it takes.

        ``longest``: seconds after which the server ends a statement of a pool that has such a limit.
        """
        way = hosts(dsn, None if within is None else max(within, longest))
        pool = asyncpg.create_pool(  # type: ignore[call-overload] # fewer options than asyncpg's own
            min_size=0,
            max_size=size,
            timeout=connecting or patience,
            connect=way.connect,
            reset=_as_it_is,
        )
        await pool
        shortest = patience if within is None else min(patience, within)
        return cls(_Pool(pool, size), shortest, within, cipher)

    def within(self, seconds: float) -> Self:
        """The same connections, lent for less."""
        return type(self)(self._pool, min(self._patience, seconds), seconds, self.cipher)

    async def close(self) -> None:
        """Give the connections back; those still in use, or without an answer, are cut after a moment."""
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
        """What Postgres refused a statement with a moment ago, because its disk is full or broken."""
        if self._pool.refused is None:
            return None
        at, reason = self._pool.refused
        if asyncio.get_running_loop().time() - at > _REMEMBERED:
            return None
        return f"the database has no room ({reason}): make room on its disk"

    @property
    def sought(self) -> bool:
        """Whether somebody waits for a connection at this moment."""
        return self._pool.sought > 0 or self._pool.places.awaited

    def connection(self) -> "_Loan":
        """A connection for a few statements. StoreUnavailable when the server is away or goes away."""
        return _Loan(self._pool, self._patience, self._within)

    @asynccontextmanager
    async def searching(self) -> AsyncIterator[Self]:
        """The same connections for one search that may take long. Crowded if it does, or if its place does not come."""
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
            yield type(self)(pool, self._patience, SEARCH + _ENDING, self.cipher)
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
    """A transaction, which the caller commits. What it has not committed, or begun anew, is rolled back."""
    await connection.execute("BEGIN")
    try:
        yield
    finally:
        with suppress(*NO_CONNECTION):  # without a connection nothing is open
            if connection.is_in_transaction():
                await connection.execute("ROLLBACK")


def _is_open(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # it ended, and was taken out of the pool
        return False


async def _as_it_is(_: Connection) -> None:
    """Nothing here leaves a session changed, and a round trip less a statement is worth keeping to that."""
