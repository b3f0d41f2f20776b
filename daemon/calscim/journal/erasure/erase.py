"""Erases a person's data from the journal and the tables. Digests, ids and memberships stay.

Only the owner of the database can erase. One transaction erases, and its row in each organization's journal names every
row that lost a body or an effect: Postgres refuses an erasure without such a row.
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg

from calscim.encryption import Cipher
from calscim.errors import UsageError
from calscim.journal import history
from calscim.journal.archive import file, read
from calscim.journal.audit import Editor
from calscim.journal.erasure import events
from calscim.journal.erasure.identifiers import Identifiers
from calscim.journal.erasure.records import PATH
from calscim.journal.erasure.rows import Rows, Search
from calscim.journal.erasure.tables import Tables
from calscim.journal.feed.fill import fill_up
from calscim.names import address_key
from calscim.planner.policy import ABSENT_AFTER
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

_NAME = re.compile(r"^erased-[0-9a-f]{8}$")


@dataclass(frozen=True, slots=True)
class Found:
    """The stored data of a person. ``name``: the placeholder for the person. ``shared``: names that others have as
    well.

    ``identifiers``: addresses, userNames and externalIds; ``called``: full names.
    """

    name: str
    users: tuple[asyncpg.Record, ...]
    identifiers: tuple[str, ...]
    called: tuple[str, ...]
    shared: tuple[str, ...]
    rows: Rows
    tables: dict[str, int]

    @property
    def nothing(self) -> bool:
        return not (self.rows.count() or any(self.tables.values()))


async def examine(
    db: Database, person: str, organization: str | None = None, cipher: Cipher | None = None
) -> Found:
    """Return the data that an erasure of this e-mail address, userName or SCIM id would remove. Read-only.

    ``cipher``: decrypts bodies for the search; None: the cipher of the database.

    Raise UsageError, with what to do first, if no person is found, or if the person has not left yet.
    """
    return (await _look(db, person, organization, cipher or db.cipher)).found


async def erase(
    db: Database,
    editor: Editor,
    person: str,
    organization: str | None = None,
    cipher: Cipher | None = None,
) -> Found:
    """Erase the person, if there is data left. ``db``: connected as the owner.

    Searches before it locks; while the locks are held, it searches only the rows that came since.
    """
    if not await db.fetchval(sql("erasure.is_owner")):
        raise UsageError(
            "only the owner of the database can erase: set database.migration_dsn to the DSN of the role "
            "that `calscim migrate` uses"
        )
    looked = await _look(db, person, organization, cipher or db.cipher)
    found, who, streams = looked.found, looked.who, looked.streams
    if found.nothing:
        return found
    async with db.connection() as connection, connection.transaction():
        if not await connection.fetchval(sql("archives.try_lock")):
            raise UsageError("the journal is being archived: try again when that has ended")
        await fill_up(connection)
        tables = Tables(connection, who.search, who.name, organization)
        changed = await tables.redact_texts()
        for row in streams:
            await connection.fetchval(sql("journal.lock_head"), row["stream"])
        await _refuse(connection, who, organization)
        await _delete_inactive(connection, editor, who)
        since = {row["stream"]: row["seq"] for row in streams}
        await who.search.look_since(connection, since, found.rows)
        await _write(connection, editor, who, found.rows, streams)
        changed["events"] = changed.get("events", 0) + await events.redact_rows(
            connection, found.rows.effect
        )
        changed |= await tables.redact_users()
    return replace(found, tables=changed)


@dataclass(frozen=True, slots=True)
class _Looked:
    found: Found
    who: "_Who"
    streams: Sequence[asyncpg.Record]


async def _look(db: Database, person: str, organization: str | None, cipher: Cipher) -> _Looked:
    async with (
        db.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(sql("archives.keep_months"))
        await connection.execute(sql("archives.disable_idle_timeout"))
        streams = await connection.fetch(sql("erasure.list_streams"), organization)
        who = await _who(db, connection, person, organization, streams, cipher)
        await _refuse(connection, who, organization)
        rows = Rows()
        await who.search.look(connection, [row["stream"] for row in streams], rows)
        tables = await Tables(connection, who.search, who.name, organization).count()
        tables["tombstones"] = sum(row["name"] != who.name for row in who.users)
    found = who.found(rows, tables)
    if found.nothing and not found.users:
        raise _unknown_person(person, organization)
    return _Looked(found, who, streams)


async def in_archives(
    db: Database, found: Found, places: Sequence[Path], cipher: Cipher | None = None
) -> dict[str, int]:
    """Return the archives that contain the person's data, with the number of rows. Does not change the files."""
    search = _search(found.users, found.identifiers, found.called, cipher or db.cipher)
    months = await read.remembered(db)
    counted: dict[str, int] = {}
    for path in read.found(months, places):
        number = sum(search.speaks(line) for line in file.lines(path))
        if number:
            counted[path.name] = number
    return counted


# ------------------------------------------------------------------ finding the person


@dataclass(frozen=True, slots=True)
class _Who:
    name: str
    users: tuple[asyncpg.Record, ...]
    shared: tuple[str, ...]
    search: Search

    def found(self, rows: Rows, tables: dict[str, int]) -> Found:
        who = self.search.who
        names = tuple(sorted(who.addresses | who.words))
        called = tuple(sorted(who.names))
        return Found(self.name, self.users, names, called, self.shared, rows, tables)


async def _who(
    db: Database,
    connection: Connection,
    person: str,
    organization: str | None,
    streams: Sequence[asyncpg.Record],
    cipher: Cipher,
) -> _Who:
    directories = [row["stream"] for row in streams if row["directory"]]
    ids = await history.people(db, person, directories)
    if not ids:
        rows = await connection.fetch(sql("erasure.find_former_users"), person, directories)
        ids = [row["id"] for row in rows]
    users = tuple(await connection.fetch(sql("erasure.list_users"), ids))
    known = {
        address_key(row["value"])
        for row in await connection.fetch(sql("erasure.list_identifiers"), ids)
    }
    if not ids and "@" in person:  # a person in Cal.com that no directory has
        known.add(address_key(person))
    if not known:
        raise _unknown_person(person, organization)
    names = {value for value in known if not _NAME.match(value)}
    shared = {
        row["value"]
        for row in await connection.fetch(
            sql("erasure.list_shared_identifiers"), ids, sorted(names), directories
        )
    }
    called = await _called(connection, ids, directories)
    earlier = min(known - names, default=None)
    name = earlier or f"erased-{ids[0][:8] if ids else secrets.token_hex(4)}"
    return _Who(name, users, tuple(sorted(shared)), _search(users, names - shared, called, cipher))


async def _called(
    connection: Connection, ids: Sequence[str], directories: Sequence[str]
) -> set[str]:
    """Return the full names that these users have or had, and that no other user has."""
    names = {
        address_key(row["value"])
        for row in await connection.fetch(sql("erasure.list_full_names"), ids)
    }
    shared = await connection.fetch(
        sql("erasure.list_shared_full_names"), ids, sorted(names), directories
    )
    return names - {row["value"] for row in shared}


def _unknown_person(person: str, organization: str | None) -> UsageError:
    where = f" in {organization}" if organization else ""
    return UsageError(
        f"no person is or was known as {person!r}{where}: give an e-mail address, a userName or a SCIM id"
    )


def _search(
    users: Sequence[asyncpg.Record],
    names: Iterable[str],
    called: Iterable[str],
    cipher: Cipher,
) -> Search:
    ids = frozenset(row["id"] for row in users)
    return Search(ids, Identifiers.of(names, called, ids), cipher)


# ------------------------------------------------------------------ checking


async def _refuse(connection: Connection, who: _Who, organization: str | None) -> None:
    """Raise UsageError, with what to do first, if the person has not left yet."""
    ids = [row["id"] for row in who.users]
    for row in await connection.fetch(sql("erasure.list_users"), ids):
        reason = _not_gone(row)
        if reason:
            raise UsageError(f"{row['name']} ({row['id']}) {reason}")
    addresses = sorted(who.search.who.addresses)
    for row in await connection.fetch(
        sql("erasure.list_current_holds"), addresses, organization, ids
    ):
        raise UsageError(
            f"a held set still names this person: release it with `calscim approve {row['hash']}`, and "
            "erase the data when `calscim status` no longer shows the set"
        )


def _not_gone(row: asyncpg.Record) -> str | None:
    is_imported = row["source"] == "cal.com" and not row["managed"]
    if is_imported and not row["deleted"]:
        if row["has_left"] and row["cal_user_id"] is None:
            return None  # the next pass deletes the imported user, if the erasure does not
        return (
            "is in the Cal.com organization: take them out of it there, then wait until "
            "`calscim explain` does not know them any more"
        )
    if row["active"] and not row["deleted"]:
        return (
            f"is an active user of the directory {row['directory_name']}: "
            "deactivate or delete them in the identity provider first"
        )
    if row["under_way"]:
        return (
            "is just being changed in Cal.com: ask again when `calscim explain` shows its outcome"
        )
    if row["cal_user_id"] is not None and row["missed_passes"] < ABSENT_AFTER:
        return (
            "still has an account in the Cal.com organization, as far as calscim knows: let `calscim sync` "
            f"deprovision it, see `calscim explain {row['id']}` for what keeps it, or take it out by hand and "
            f"wait for {ABSENT_AFTER} complete passes"
        )
    return None


# ------------------------------------------------------------------ erasing


async def _delete_inactive(connection: Connection, editor: Editor, who: _Who) -> None:
    """Delete an inactive user, as identity providers deactivate people and never delete them."""
    for row in await connection.fetch(
        sql("erasure.list_users"), [user["id"] for user in who.users]
    ):
        if row["there"]:
            arguments = (row["directory"], editor.request_id, editor.by, row["id"])
            status = await connection.fetchval(sql("erasure.delete_user"), *arguments)
            assert status == 204, "its head is locked, so it is there"


async def _write(
    connection: Connection,
    editor: Editor,
    who: _Who,
    rows: Rows,
    streams: Sequence[asyncpg.Record],
) -> None:
    """Append the erasure row to the journal of each organization, and apply it."""
    for organization in sorted({row["organization"] for row in streams}):
        own = {row["stream"] for row in streams if row["organization"] == organization}
        users = [
            {"id": row["id"], "directory": row["directory"], "managed": row["managed"]}
            for row in who.users
            if row["organization"] == organization
        ]
        if not users and not rows.streams() & own:
            continue
        edit: dict[str, Any] = {
            "name": who.name,
            "users": users,
            "rows": rows.named(own),
            "instead": await _instead(connection, rows, own),
        }
        resource = ("User", users[0]["id"] if users else who.name)
        seq = await editor.write(connection, organization, PATH, resource, edit)
        await connection.fetchval(sql("erasure.erase_rows"), organization, seq)


async def _instead(
    connection: Connection, rows: Rows, streams: set[str]
) -> dict[str, dict[str, str]]:
    return {
        stream: {
            str(row["seq"]): row["text"]
            for row in await connection.fetch(sql("erasure.load_without_skipped"), stream, seqs)
        }
        for stream, seqs in rows.instead.items()
        if stream in streams
    }
