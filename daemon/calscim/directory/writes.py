"""Writes changes to the database: each batch is one statement in a transaction of its own.

While changes queue, COMMIT AND CHAIN begins the next transaction on the same connection, so that the next statement is
sent before the batch is answered. docs/decisions/0005-group-commit.md has the measurements.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary, ref

import orjson

from calscim.directory.group_commit import Batch, WriteQueue
from calscim.errors import StoreUnavailable
from calscim.journal.append import Origin
from calscim.postgres.outages import ConnectionLost
from calscim.postgres.pool import Database, begun
from calscim.postgres.queries import sql

CHAIN_WAIT = 0.005  # seconds that a chained transaction waits for the next change

_Change: TypeAlias = (
    "tuple[object, ...]"  # the arguments of calscim.apply_changes, without the stream
)


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a change. 401, 404, 409 and 412 changed nothing, and have no journal row yet."""

    status: int
    seq: int | None
    version: int | None
    body: str | None
    skipped: tuple[str, ...] = ()


async def write(db: Database, op: str, origin: Origin, arguments: dict[str, Any]) -> Written:
    """Apply a change and return its result. ``op``, ``arguments``: as calscim.apply_change in sql/schema takes them."""
    queue = _queues.get(db)
    if queue is None:
        queue = _queues[db] = WriteQueue(_writer(db))
    _, *columns = origin.arguments()
    change: _Change = (op, *columns, orjson.dumps(arguments).decode())
    if db.tracing is None:
        return await queue.write(origin.stream, change, len(origin.body))
    with db.tracing.span("journal.append", stream=origin.stream) as span:
        change = (*change, origin.traceparent)
        written = await queue.write(origin.stream, change, len(origin.body))
        span.set(status=written.status, seq=written.seq)
        return written


async def write_all(
    db: Database, op: str, changes: Sequence[tuple[Origin, dict[str, Any]]]
) -> list[Written]:
    """Apply changes of one directory in one statement, in order; return the result of each.

    For work that no identity provider waits for: if the statement fails, no change is made.
    """
    stream = changes[0][0].stream
    rows = [
        (op, *origin.arguments()[1:], orjson.dumps(arguments).decode())
        for origin, arguments in changes
    ]
    columns = map(list, zip(*rows, strict=True))
    return [_written(*row) for row in await db.fetch(sql("changes.apply"), stream, *columns)]


# One queue for each database, and not a field of a composed object: every caller of a database has to share its queue,
# SCIM requests as well as imports by the reconciler, or their changes would wait for each other's row lock. A parameter
# through all rooms would only let a caller pass a second queue.
_queues: "WeakKeyDictionary[Database, WriteQueue[_Change, Written]]" = WeakKeyDictionary()


def _writer(db: Database) -> Callable[[str, Batch[_Change, Written]], Awaitable[None]]:
    reference = ref(db)  # a queue must not keep its database alive

    async def apply(stream: str, batch: Batch[_Change, Written]) -> None:
        database = reference()
        assert database is not None, "the callers of write hold the database"
        statement = "changes.apply" if database.tracing is None else "changes.apply_traced"
        loan = database.connection()
        is_committing = is_chained = False
        try:
            # An explicit transaction: a server that hangs and continues later finds no COMMIT and rolls back.
            async with loan as connection, begun(connection):
                while batch.take() or (is_chained and await batch.wait_for_changes(CHAIN_WAIT)):
                    is_committing = False
                    columns = map(list, zip(*batch.changes, strict=True))
                    rows = await connection.fetch(sql(statement), stream, *columns)
                    is_chained = (is_chained or batch.has_queue()) and not database.sought
                    is_committing = True
                    await connection.execute("COMMIT AND CHAIN" if is_chained else "COMMIT")
                    batch.finish([_written(*row) for row in rows])
                    if not is_chained:
                        break
                    loan.renew()
        except ConnectionLost as lost:
            if is_committing:
                raise
            raise StoreUnavailable(str(lost)) from lost  # nothing was committed

    return apply


def _written(
    status: int, seq: int | None, version: int | None, body: str | None, skipped: list[str] | None
) -> Written:
    return Written(status, seq, version, body, tuple(skipped or ()))
