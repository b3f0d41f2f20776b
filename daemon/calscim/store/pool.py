"""The pool of connections, which may be without a server for a while.

Whatever goes wrong with reaching the server is StoreUnavailable, within the time given; what is wrong with
a statement stays asyncpg's own error.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias

import asyncpg

from calscim.errors import StoreUnavailable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# What the server says when it is going, coming, full, or a standby that cannot write.
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.QueryCanceledError,
    OSError,
    TimeoutError,
)


class Database:
    """Connections to one database. Opening it needs no server: the first use connects."""

    def __init__(self, pool: asyncpg.Pool, patience: float) -> None:
        self._pool = pool
        self._patience = patience

    @classmethod
    async def open(cls, dsn: str, *, size: int = 8, patience: float = 1.5) -> Self:
        """``patience``: seconds to wait for a connection before StoreUnavailable."""
        pool = asyncpg.create_pool(dsn, min_size=0, max_size=size, timeout=patience)
        await pool
        return cls(pool, patience)

    async def close(self) -> None:
        """Give the connections back; those still in use are cut after five seconds."""
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except TimeoutError:
            self._pool.terminate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for a few statements. StoreUnavailable when the server is away or goes away."""
        try:
            async with self._pool.acquire(timeout=self._patience) as connection:
                yield connection  # type: ignore[misc] # a proxy with the same methods
        except _AWAY as error:
            raise StoreUnavailable(
                f"the database is not available ({type(error).__name__}: {error}); "
                "see that Postgres runs, accepts writes and that database.dsn names it"
            ) from error

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
