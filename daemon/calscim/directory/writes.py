"""Changes on their way into the database: those that go together are one statement in a transaction of its own.

Where others wait already, its commit begins the next one on the same connection, so that their statement is on
its way before anybody is answered, and whoever comes soon finds it begun. docs/decisions/0005-group-commit.md has
the measurements.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary, ref

import orjson

from calscim.directory.group_commit import Batches, Turns
from calscim.errors import StoreUnavailable
from calscim.journal.append import Origin
from calscim.postgres.outages import ConnectionLost
from calscim.postgres.pool import Database, begun
from calscim.postgres.queries import sql

LINGER = 0.005  # seconds to stay for the next change, once others had to wait

_Change: TypeAlias = (
    "tuple[object, ...]"  # the columns of calscim.apply_changes, without the stream
)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a change. 401, 404, 409 and 412 have changed nothing and are not journaled yet."""

    status: int
    seq: int | None
    version: int | None
    body: str | None
    skipped: tuple[str, ...] = ()


async def write(db: Database, op: str, origin: Origin, arguments: dict[str, Any]) -> Written:
    """Make a change in its turn; ``op`` and ``arguments`` are those of calscim.apply_change in sql/schema."""
    turns = _turns.get(db)
    if turns is None:
        turns = _turns[db] = Turns(_changes(db))
    _, *columns = origin.arguments()
    change = (op, *columns, orjson.dumps(arguments).decode())
    return await turns.take(origin.stream, change, len(origin.body))


_turns: "WeakKeyDictionary[Database, Turns[_Change, Written]]" = WeakKeyDictionary()


def _changes(db: Database) -> Callable[[str, Batches[_Change, Written]], Awaitable[None]]:
    here = ref(db)  # the turns of a database must not keep it

    async def make(stream: str, batches: Batches[_Change, Written]) -> None:
        database = here()
        assert database is not None, "somebody waits for an answer of this database"
        loan = database.connection()
        committing = busy = False
        try:
            # A transaction of its own: what a server that does not answer finds when it wakes up is never committed.
            async with loan as connection, begun(connection):
                while batches.take() or (busy and await batches.await_some(LINGER)):
                    committing = False
                    columns = map(list, zip(*batches.changes, strict=True))
                    rows = await connection.fetch(sql("changes.apply"), stream, *columns)
                    busy = (busy or batches.wait()) and not database.sought
                    committing = True
                    await connection.execute("COMMIT AND CHAIN" if busy else "COMMIT")
                    batches.answer([_written(*row) for row in rows])
                    if not busy:
                        break
                    loan.renew()
        except ConnectionLost as lost:
            if committing:
                raise
            raise StoreUnavailable(str(lost)) from lost  # it is certain that nothing was made

    return make


def _written(
    status: int, seq: int | None, version: int | None, body: str | None, skipped: list[str] | None
) -> Written:
    return Written(status, seq, version, body, tuple(skipped or ()))
