"""Loads what the derivation of events needs: effects, the resources before, ended memberships, and names."""

from collections.abc import Iterable, Sequence

import asyncpg
import orjson

from calscim.journal.erasure import records
from calscim.journal.feed.derive import Effect, Names, Row
from calscim.postgres.pool import Connection
from calscim.postgres.queries import sql

_OF_RESOURCES = frozenset({"scim", "import"})


async def load_rows(connection: Connection, found: Sequence[asyncpg.Record]) -> list[Row]:
    """Return the rows of events.list_new_rows with what they changed."""
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


async def load_names(connection: Connection, rows: Iterable[Row]) -> Names:
    """Return the names of the users and groups of these memberships and deletions."""
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
