"""Adds what the journal has and the change feed lacks to the feed, when a consumer reads it.

SCIM requests and passes do nothing for the feed. One transaction at a time adds events: it locks the head of the feed,
reads the rows beyond the offset of each stream, and writes events, offsets and head together. The rows of a stream are
complete and in the order of commits up to its head, so that no row is missed and none is added twice.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg
import orjson

from calscim.journal.erasure import records
from calscim.journal.feed.derive import Effect, Names, Row, changes
from calscim.journal.feed.event import Change, event_id
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

BATCH = 500  # journal rows in one transaction
_OF_RESOURCES = frozenset({"scim", "import"})

Derived = tuple[asyncpg.Record, list[Change]]


async def fill(db: Database, since: datetime | None = None) -> bool:
    """Add the events of the next rows and put the feed into use. Return True if rows may be left.

    ``since``: rows before this time give no events. Raise asyncpg.LockNotAvailableError if another transaction adds
    events for longer than two seconds.
    """
    if not await db.fetchval(sql("events.is_behind")):
        return False
    async with db.connection() as connection, connection.transaction():
        await connection.execute(sql("events.limit_lock_wait"))
        await connection.execute(sql("events.create_head"))
        head = await connection.fetchval(sql("events.lock_head"))
        return await _add(connection, head, since) == BATCH


async def fill_up(connection: Connection) -> None:
    """Add the events of all rows, and keep the feed locked until the caller's transaction ends.

    Adds nothing if the feed was never used. Whoever removes rows or effects from the journal calls this first.
    """
    await connection.execute(sql("events.lock_feed"))
    while (head := await connection.fetchval(sql("events.lock_head"))) is not None:
        if await _add(connection, head, None) < BATCH:
            return


async def _add(connection: Connection, head: int, since: datetime | None) -> int:
    """Add the events of the next rows after position ``head``; return how many rows there were."""
    rows = await connection.fetch(sql("events.list_new_rows"), BATCH, since)
    if not rows:
        return 0
    columns: list[tuple[object, ...]] = []
    directories = {
        row["id"]: row["name"] for row in await connection.fetch(sql("events.list_directory_names"))
    }
    for record, found in await _derived(connection, rows):
        for index, change in enumerate(found):
            head += 1
            columns.append(
                (
                    head,
                    event_id(record["hash"], index),
                    record["at"],
                    change.type,
                    record["directory"] or directories.get(_directory_of(record, change)),
                    record["organization"],
                    record["stream"],
                    record["seq"],
                    change.user_id,
                    orjson.dumps(change.data).decode(),
                )
            )
    if columns:
        await connection.execute(sql("events.add"), *map(list, zip(*columns, strict=True)))
        await connection.execute(sql("events.set_head"), head)
    offsets = {row["stream"]: row["seq"] for row in rows}
    await connection.execute(sql("events.advance"), list(offsets), list(offsets.values()))
    return len(rows)


def _directory_of(record: asyncpg.Record, change: Change) -> str:
    """Return the id of the directory that an operator's edit is about, or an empty string."""
    if record["resource_type"] == "Directory":
        return str(record["resource_id"])
    details = change.data.get("details")
    if not isinstance(details, dict):
        return ""
    if details.get("scope") == "directory":
        return str(details.get("target"))
    return str(details.get("directory", ""))


async def _derived(connection: Connection, records: Sequence[asyncpg.Record]) -> list[Derived]:
    rows = await _rows(connection, records)
    names = await _names(connection, rows)
    return [(record, list(changes(row, names))) for record, row in zip(records, rows, strict=True)]


async def _rows(connection: Connection, found: Sequence[asyncpg.Record]) -> list[Row]:
    effects = await _effects(connection, found)
    opening = await _opening_states(connection, found)
    ended = await _ended(connection, found, effects)
    return [
        Row(
            kind=row["kind"],
            path=row["path"],
            status=row["status"],
            remote=row["remote"],
            resource_type=row["resource_type"],
            resource_id=row["resource_id"],
            effect=effect,
            before=_parsed(row["before"]) or opening.get(row["resource_id"]),
            ended=tuple(ended.get((row["stream"], row["seq"]), ())),
        )
        for row, effect in zip(found, effects, strict=True)
    ]


async def _effects(connection: Connection, rows: Sequence[asyncpg.Record]) -> list[Effect | None]:
    """Return the effects; for a group whose effect was erased the one that replaces it."""
    effects = [_parsed(row["effect"]) for row in rows]
    if any(
        effect is None and row["kind"] in _OF_RESOURCES and row["resource_type"] == "Group"
        for row, effect in zip(rows, effects, strict=True)
    ):
        instead = (await records.load(connection)).instead
        effects = [
            effect or _parsed(instead.get((row["stream"], row["seq"])))
            for row, effect in zip(rows, effects, strict=True)
        ]
    return effects


async def _opening_states(
    connection: Connection, rows: Iterable[asyncpg.Record]
) -> dict[str, Effect]:
    """Return the last archived states of the resources whose earlier rows are not in the journal."""
    wanted = [
        row["resource_id"]
        for row in rows
        if row["before"] is None and row["kind"] in _OF_RESOURCES and row["status"] == 200
    ]
    if not wanted:
        return {}
    found = await connection.fetch(sql("events.list_opening_states"), wanted)
    states = {row["id"]: orjson.loads(row["state"]) for row in found}
    return {key: state | {"data": orjson.loads(state["data"])} for key, state in states.items()}


async def _ended(
    connection: Connection, rows: Sequence[asyncpg.Record], effects: Sequence[Effect | None]
) -> dict[tuple[str, int], list[tuple[str, str]]]:
    deletions = [
        (row["stream"], row["resource_id"], row["seq"])
        for row, effect in zip(rows, effects, strict=True)
        if effect is not None and effect.get("op") in {"user.delete", "group.delete"}
    ]
    if not deletions:
        return {}
    found: dict[tuple[str, int], list[tuple[str, str]]] = {}
    columns = map(list, zip(*deletions, strict=True))
    for row in await connection.fetch(sql("events.list_ended_memberships"), *columns):
        key = (row["stream"], row["seq"])
        found.setdefault(key, []).append((row["group_id"], row["member_id"]))
    return found


async def _names(connection: Connection, rows: Iterable[Row]) -> Names:
    wanted: set[str] = set()
    for row in rows:
        effect = row.effect or {}
        operation = str(effect.get("op"))
        if operation.endswith(".delete"):
            wanted.add(row.resource_id)
        for name in ("added", "added_groups", "removed"):
            members = effect.get(name) if operation == "group.put" else None
            wanted.update(members if isinstance(members, list) else ())
        wanted.update(key for pair in row.ended for key in pair)
    if not wanted:
        return Names()
    found = await connection.fetch(sql("events.list_names"), sorted(wanted))
    return Names(
        {row["id"]: (row["name"], row["email"]) for row in found if row["kind"] == "User"},
        {row["id"]: row["name"] for row in found if row["kind"] == "Group"},
    )


def _parsed(effect: bytes | str | None) -> Effect | None:
    found: Effect | None = None if effect is None else orjson.loads(effect)
    return found
