"""The connections of a pool, lent for a block at a time, with a time limit."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg

from calscim.postgres.fair_shares import BORROWER, Places, Present
from calscim.postgres.hosts import Connection
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

_GIVE_BACK = 0.25  # seconds that a cancelled statement has to end, before the connection is cut
_SPARE = 5.0  # seconds between visits to the spare connections


class Lending:
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


class Loan:
    """A connection of the pool, lent for a block.

    After the time limit the connection is cut, as a dead server never confirms a cancellation. A class and not a
    generator, because every request uses it.
    """

    __slots__ = ("_borrower", "_connection", "_expired", "_patience", "_pool", "_timer", "_within")

    def __init__(self, pool: Lending, patience: float, within: float | None) -> None:
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


def _is_open(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # it was closed and left the pool
        return False
