"""Rebuilds users, groups and members of a directory from its journal: to compare, to replace, or as of a moment."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import orjson

from calscim.journal.archive import file, opening_balance, read
from calscim.journal.audit import Editor
from calscim.journal.erasure import records as erasures
from calscim.journal.replay.apply import Group, Member, Tables, Tombstone, User
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

_BATCH = 5_000
_SHOWN = 20


class Directory(Protocol):
    """The fields of a directory that a rebuild needs."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def organization(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Compared:
    """The result of a comparison. ``different``: how many rows differ; ``differences``: sentences about the first."""

    users: int
    groups: int
    members: int
    different: int
    differences: tuple[str, ...]


async def as_of(
    db: Database, directory: str, moment: datetime | None, files: Sequence[Path] | None = None
) -> Tables:
    """Return the tables as of a moment, inclusive; None: after the last row.

    ``files``, here and below: verified archives, to start from the first row. None: start from the opening balance.
    Raise UsageError for a moment before the opening balance.
    """
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await replayed(connection, directory, moment, files)


async def compare(
    db: Database, directory: Directory, files: Sequence[Path] | None = None
) -> Compared:
    """Compare the tables with the journal, in one snapshot. Read-only."""
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        wanted = await replayed(connection, directory.id, None, files)
        found = await _present(connection, directory.id)
    return _compared(wanted, found)


async def rebuild(
    db: Database, editor: Editor, directory: Directory, files: Sequence[Path] | None = None
) -> Compared:
    """Replace the tables in one transaction, and return the differences from before."""
    async with db.connection() as connection, connection.transaction():
        await connection.execute(sql("rebuild.lock_head"), directory.id)
        wanted = await replayed(connection, directory.id, None, files)
        compared = _compared(wanted, await _present(connection, directory.id))
        await _write(connection, directory.id, wanted)
        edit = {"id": directory.id, "name": directory.name, "different": compared.different}
        resource = ("Directory", directory.id)
        await editor.write(connection, directory.organization, "directory.rebuild", resource, edit)
    return compared


async def replayed(
    connection: Connection,
    directory: str,
    moment: datetime | None,
    files: Sequence[Path] | None = None,
) -> Tables:
    """Return the tables in the caller's transaction. No month can be archived meanwhile."""
    await connection.execute(sql("archives.keep_months"))
    await connection.execute(sql("archives.disable_idle_timeout"))
    tables = Tables(erased=await erasures.load(connection))
    if files is None:
        await opening_balance.load(connection, tables, directory, moment)
    else:
        await asyncio.to_thread(_erasures, files, tables)
        await read.replay(connection, tables, directory, moment, files)
    reading = connection.transaction()
    await reading.start()
    try:
        instead = tables.erased.of_stream(directory)
        cursor = await connection.cursor(
            sql("rebuild.list_effects"), directory, moment, list(instead), list(instead.values())
        )
        while batch := await cursor.fetch(_BATCH):
            for row in batch:
                tables.apply(row["seq"], row["at"], orjson.loads(row["effect"]), row["data"])
    finally:
        await reading.rollback()  # closes the cursor: a month that is being read cannot be archived
    return tables


def _erasures(files: Sequence[Path], tables: Tables) -> None:
    for path in files:
        file.erasures(path, tables.erased)


async def _present(connection: Connection, directory: str) -> Tables:
    tables = Tables()
    for row in await connection.fetch(sql("rebuild.list_users"), directory):
        values = dict(row)
        key = values.pop("id")
        tables.users[key] = User(**{**values, "emails": frozenset(values["emails"])})
    for row in await connection.fetch(sql("rebuild.list_groups"), directory):
        values = dict(row)
        key = values.pop("id")
        tables.groups[key] = Group(**values)
    for row in await connection.fetch(sql("rebuild.list_members"), directory):
        member = Member(row["kind"], row["seq"], row["at"])
        tables.groups[row["group_id"]].members[row["member_id"]] = member
    for row in await connection.fetch(sql("rebuild.list_former_members"), directory):
        tables.former[row["group_id"], row["member_id"]] = (row["seq"], row["at"])
    for row in await connection.fetch(sql("rebuild.list_tombstones"), directory):
        values = dict(row)
        key = values.pop("id")
        tables.tombstones[key] = Tombstone(**values)
    return tables


def _compared(wanted: Tables, found: Tables) -> Compared:
    differences = list(_differences(wanted, found))
    return Compared(
        users=len(wanted.users),
        groups=len(wanted.groups),
        members=sum(len(group.members) for group in wanted.groups.values()),
        different=len(differences),
        differences=tuple(differences[:_SHOWN]),
    )


def _differences(wanted: Tables, found: Tables) -> Iterator[str]:
    for what, ours, theirs in (
        ("user", wanted.users, found.users),
        ("group", wanted.groups, found.groups),
        ("former member", wanted.former, found.former),
        ("deleted", wanted.tombstones, found.tombstones),
    ):
        yield from _by_key(what, ours, theirs)


def _by_key(what: str, wanted: dict[Any, Any], found: dict[Any, Any]) -> Iterator[str]:
    for key in wanted.keys() | found.keys():
        if key not in found:
            yield f"{what} {key} is missing in the tables"
        elif key not in wanted:
            yield f"{what} {key} is in the tables, but not in the journal"
        elif wanted[key] != found[key]:
            fields = ", ".join(_fields(wanted[key], found[key]))
            yield f"{what} {key} is another in the tables{f' ({fields})' if fields else ''}"


def _fields(one: Any, other: Any) -> list[str]:
    names: Iterable[str] = getattr(one, "__slots__", ())
    return [name for name in names if getattr(one, name) != getattr(other, name)]


async def _write(connection: Connection, directory: str, tables: Tables) -> None:
    for name in ("groups", "users", "former_members", "tombstones"):
        await connection.execute(sql(f"rebuild.delete_{name}"), directory)
    for table, columns, rows in _rows(directory, tables):
        await connection.copy_records_to_table(
            table, schema_name="calscim", columns=columns, records=rows
        )
    await connection.execute(
        sql("rebuild.set_counts"), directory, len(tables.users), len(tables.groups)
    )


def _rows(directory: str, tables: Tables) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    columns = [name for name in User.__slots__ if name != "emails"]
    yield (
        "users",
        ["id", "directory_id", *columns],
        [
            (key, directory, *(getattr(user, name) for name in columns))
            for key, user in tables.users.items()
        ],
    )
    yield (
        "user_emails",
        ["directory_id", "value_key", "user_id"],
        [
            (directory, email, key)
            for key, user in tables.users.items()
            for email in sorted(user.emails)
        ],
    )
    columns = [name for name in Group.__slots__ if name != "members"]
    yield (
        "groups",
        ["id", "directory_id", *columns],
        [
            (key, directory, *(getattr(group, name) for name in columns))
            for key, group in tables.groups.items()
        ],
    )
    yield (
        "members",
        ["group_id", "member_id", "directory_id", "kind", "seq", "at"],
        [
            (key, member, directory, entry.kind, entry.seq, entry.at)
            for key, group in tables.groups.items()
            for member, entry in group.members.items()
        ],
    )
    yield (
        "former_members",
        ["group_id", "member_id", "directory_id", "seq", "at"],
        [(*key, directory, *when) for key, when in tables.former.items()],
    )
    columns = list(Tombstone.__slots__)
    yield (
        "tombstones",
        ["id", "directory_id", *columns],
        [
            (key, directory, *(getattr(gone, name) for name in columns))
            for key, gone in tables.tombstones.items()
        ],
    )
