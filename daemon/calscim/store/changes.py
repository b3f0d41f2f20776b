"""Changes on their way into the database: those that go together are one statement, a transaction of its own.

It says by when it is wanted, so that a server that hung does not make it later, when its answer was 503 long ago.
Measured in docs/decisions/0005-turns.md.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary, ref

import asyncpg
import orjson

from calscim.errors import StoreUnavailable
from calscim.store.journal import Origin
from calscim.store.pool import Connection, Database
from calscim.store.sql import sql
from calscim.store.turns import Batches, Turns

FRESH = 60.0  # seconds that the server's clock is trusted to go as ours does
GRAIN = 0.05  # seconds that the event loop's clock may lag behind
LATE = "CS001"  # what calscim.in_time raises

_Change: TypeAlias = "tuple[object, ...]"  # the columns of calscim.changes, without the stream


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a change. 401, 404, 409 and 412 have changed nothing and are not journaled yet."""

    status: int
    seq: int | None
    version: int | None
    body: str | None
    skipped: tuple[str, ...] = ()


async def write(db: Database, op: str, origin: Origin, arguments: dict[str, Any]) -> Written:
    """Make a change in its turn; ``op`` and ``arguments`` are those of calscim.change in schema.sql."""
    turns = _turns.get(db)
    if turns is None:
        turns = _turns[db] = Turns(_changes(db))
    _, *columns = origin.arguments()
    change = (op, *columns, orjson.dumps(arguments).decode())
    return await turns.take(origin.stream, change, len(origin.body))


_turns: "WeakKeyDictionary[Database, Turns[_Change, Written]]" = WeakKeyDictionary()


class _ServerClock:
    """What the server's clock shows, from what it last said. It is never ahead of it: an answer takes its time."""

    def __init__(self) -> None:
        self._said: datetime | None = None
        self._heard = 0.0

    def learn(self, said: datetime) -> None:
        self._said, self._heard = said, _time()

    def forget(self) -> None:
        self._said = None

    async def at(self, connection: Connection, moment: float | None) -> datetime | None:
        """The server's time at a moment of the event loop's clock."""
        if moment is None:
            return None
        if self._said is None or _time() > self._heard + FRESH:
            self.learn(await connection.fetchval(sql("scim.time")))
        assert self._said is not None, "it was just learnt"
        return self._said + timedelta(seconds=moment - self._heard)


def _time() -> float:
    return asyncio.get_running_loop().time()


def _changes(db: Database) -> Callable[[str, Batches[_Change, Written]], Awaitable[None]]:
    here = ref(db)  # the turns of a database must not keep it
    clock = _ServerClock()

    async def make(stream: str, batches: Batches[_Change, Written]) -> None:
        database = here()
        assert database is not None, "somebody waits for an answer of this database"
        loan = database.connection()
        async with loan as connection:
            while batches.take():
                rows = await _made(connection, loan.ends, stream, batches.changes)
                batches.answer([_written(row) for row in rows])
                if database.sought or not batches.wait():
                    break
                loan.renew()

    async def _made(
        connection: Connection, ends: float | None, stream: str, changes: list[_Change]
    ) -> list[asyncpg.Record]:
        columns = [list(column) for column in zip(*changes, strict=True)]
        for _ in range(2):  # what is late may be so by a clock that was set meanwhile
            until = await clock.at(connection, None if ends is None else ends - GRAIN)
            try:
                rows = await connection.fetch(sql("scim.changes"), stream, *columns, until)
            except Exception as error:
                clock.forget()
                if getattr(error, "sqlstate", None) != LATE:
                    raise
            else:
                clock.learn(rows[-1]["at"])
                return rows
        raise StoreUnavailable(
            "the changes were not made in time: see pg_stat_activity for what is in the way"
        )

    return make


def _written(row: asyncpg.Record) -> Written:
    status, seq, version, body, skipped, _ = row
    return Written(status, seq, version, body, tuple(skipped or ()))
