"""Reads and writes users, groups and members.

Postgres assembles the JSON of responses. Each read checks the token again in the same statement, so that a token
revoked a moment ago is refused.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from calscim.directory.indexed_attributes import IndexedAttribute
from calscim.directory.writes import Written, write
from calscim.errors import ScimError
from calscim.journal.append import Origin
from calscim.names import group_key, user_name_key
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class UserState:
    """The data of a user. ``data``: the resource without id, meta and groups, as JSON."""

    user_name: str
    external_id: str | None
    email: str  # the address for Cal.com
    emails: tuple[str, ...]  # every address, by key
    active: bool | None  # None: unchanged, and true for a new user
    data: str


@dataclass(frozen=True, slots=True)
class GroupState:
    """The data of a group. ``display_name``: the spelling; ``data``: the resource without id, meta and members."""

    display_name: str
    external_id: str | None
    data: str


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A change of a group's members. ``replace``: ``add`` are all members. No id is in both ``add`` and ``remove``."""

    add: frozenset[uuid.UUID] = frozenset()
    remove: frozenset[uuid.UUID] = frozenset()
    replace: bool = False
    unknown: tuple[str, ...] = ()  # values that cannot be an id

    def __bool__(self) -> bool:
        return bool(self.add or self.remove or self.replace or self.unknown)


@dataclass(frozen=True, slots=True)
class Found:
    body: str
    version: int


@dataclass(frozen=True, slots=True)
class Page:
    total: int
    bodies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """The token that a read is for, and the base URL of its directory."""

    token_id: int
    directory: str
    base: str  # the directory's base URL, escaped for JSON


async def create_user(
    db: Database,
    origin: Origin,
    user_id: uuid.UUID,
    state: UserState,
    base: str,
) -> Written:
    active = state.active is not False
    arguments = {**_user(user_id, state, base), "active": active}
    return await write(db, "user.create", origin, arguments)


async def update_user(
    db: Database,
    origin: Origin,
    user_id: uuid.UUID,
    state: UserState,
    base: str,
    expected: int | None = None,
) -> Written:
    arguments = {**_user(user_id, state, base), "expected": expected}
    return await write(db, "user.update", origin, arguments)


async def set_user(
    db: Database, origin: Origin, user_id: uuid.UUID, values: dict[str, Any], base: str
) -> Written:
    """Set top-level attributes other than userName, externalId and emails. All others stay."""
    return await write(db, "user.set", origin, {"id": user_id, "set": values, "base": base})


def _user(user_id: uuid.UUID, state: UserState, base: str) -> dict[str, Any]:
    return {
        "id": user_id,
        "user_name": state.user_name,
        "key": user_name_key(state.user_name),
        "external_id": state.external_id,
        "email": state.email,
        "emails": _array(state.emails),
        "active": state.active,
        "data": orjson.Fragment(state.data),
        "base": base,
    }


async def delete_user(
    db: Database,
    origin: Origin,
    user_id: uuid.UUID,
    expected: int | None = None,
) -> Written:
    return await write(db, "user.delete", origin, {"id": user_id, "expected": expected})


async def create_group(
    db: Database,
    origin: Origin,
    group_id: uuid.UUID,
    state: GroupState,
    members: MemberChange,
    base: str,
    answer: str = "full",
) -> Written:
    """Create a group. ``answer``: the body of the response: full, bare (without members) or none."""
    arguments = {**_group(state), **_members(members), "id": group_id}
    return await write(db, "group.create", origin, {**arguments, "base": base, "answer": answer})


async def update_group(
    db: Database,
    origin: Origin,
    group_id: uuid.UUID,
    state: GroupState | None,
    members: MemberChange,
    base: str,
    expected: int | None = None,
    answer: str = "full",
) -> Written:
    """Update a group. ``state`` None: only its members."""
    attributes = {} if state is None else _group(state)
    arguments = {**attributes, **_members(members), "id": group_id, "expected": expected}
    return await write(db, "group.update", origin, {**arguments, "base": base, "answer": answer})


def _group(state: GroupState) -> dict[str, Any]:
    return {
        "display_name": state.display_name,
        "key": group_key(state.display_name),
        "external_id": state.external_id,
        "data": orjson.Fragment(state.data),
    }


def _members(members: MemberChange) -> dict[str, Any]:
    return {
        "replace": members.replace,
        "add": _ids(members.add),
        "remove": _ids(members.remove),
        "unknown": _array(members.unknown),
    }


def _ids(numbers: Iterable[uuid.UUID]) -> str:
    """Return an array of ids in the notation of Postgres, without hyphens: they cost 50 ms for 50,000 ids."""
    return "{" + ",".join(number.hex for number in numbers) + "}"


def _array(texts: Iterable[str]) -> str:
    """Return an array of texts in the notation of Postgres, which reads it without a costly subquery."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


async def delete_group(
    db: Database, origin: Origin, group_id: uuid.UUID, expected: int | None = None
) -> Written:
    return await write(db, "group.delete", origin, {"id": group_id, "expected": expected})


# ------------------------------------------------------------------ reading


async def user(db: Database, reader: Reader, user_id: uuid.UUID) -> Found | None:
    return _found(
        await db.fetchrow(sql("users.get"), reader.token_id, reader.directory, user_id, reader.base)
    )


async def group(
    db: Database, reader: Reader, group_id: uuid.UUID, *, members: bool = True
) -> Found | None:
    return _found(
        await db.fetchrow(
            sql("groups.get"), reader.token_id, reader.directory, group_id, reader.base, members
        )
    )


async def user_state(db: Database, directory: str, user_id: uuid.UUID) -> tuple[int, Any] | None:
    """Return version and data of a user, or None."""
    row = await db.fetchrow(sql("users.get_state"), directory, user_id)
    return None if row is None else (row["version"], orjson.loads(row["data"]))


async def group_state(db: Database, directory: str, group_id: uuid.UUID) -> tuple[int, Any] | None:
    """Return version and data of a group, or None."""
    row = await db.fetchrow(sql("groups.get_state"), directory, group_id)
    return None if row is None else (row["version"], orjson.loads(row["data"]))


async def members(db: Database, directory: str, group_id: uuid.UUID) -> list[dict[str, Any]]:
    rows = await db.fetch(sql("groups.list_members"), directory, group_id)
    return [dict(row) for row in rows]


async def look_up_users(
    db: Database, reader: Reader, attribute: IndexedAttribute, value: str
) -> tuple[str, ...]:
    """Return the users whose indexed attribute has this value, oldest first: at most a few."""
    parameters: list[Any] = []

    def bind(comparand: Any, sql_type: str) -> str:
        parameters.append(comparand)
        return f"$4::{sql_type}"

    users, condition = attribute.look_up(value, bind)
    query = sql("users.look_up").replace("/* users */ calscim.users u", users)
    query = query.replace("/* equal */ true", condition)
    row = await db.fetchrow(query, reader.token_id, reader.directory, reader.base, *parameters)
    return tuple(allowed(row)["bodies"] or ())


def allowed(row: asyncpg.Record | None) -> asyncpg.Record:
    """Return the row. Raise ScimError(401) if the token is no longer valid."""
    assert row is not None, "these queries always answer with one row"
    if not row["allowed"]:
        raise ScimError(401, "the bearer token is no longer valid: create another token")
    return row


def _found(row: asyncpg.Record | None) -> Found | None:
    row = allowed(row)
    return None if row["body"] is None else Found(row["body"], row["version"])
