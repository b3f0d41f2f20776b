"""Create, change, find, and delete directories: the connections from identity providers."""

import secrets
import string
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from calscim.admin import names
from calscim.admin.pauses import pause
from calscim.errors import UsageError
from calscim.journal.audit import Editor, transaction
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

PROVIDERS = (
    "okta-scim-v2",
    "azure-scim-v2",
    "onelogin-scim-v2",
    "jumpcloud-scim-v2",
    "generic-scim-v2",
)
_ID = string.ascii_lowercase + string.digits  # no underscore: Okta cuts a URL there


@dataclass(frozen=True, slots=True)
class Directory:
    """A connection from an identity provider, with the size of its data. ``id`` is part of its base URL."""

    id: str
    name: str
    organization: str
    provider: str
    created_at: datetime
    journal_seq: int = 0
    users: int = 0
    groups: int = 0
    paused: bool = False
    paused_until: datetime | None = None
    paused_reason: str | None = None  # why the daemon paused it; None: an operator did
    requests_per_second: int | None = None  # None: the configured limit, 0: no limit


async def create_directory(
    db: Database,
    editor: Editor,
    *,
    organization: str,
    name: str,
    provider: str,
    paused: bool = False,
) -> Directory:
    """Create a directory. Raise UsageError if the provider is unknown, or a directory has the name, ignoring case.

    ``paused``: the directory is paused from the start, until it is resumed.
    """
    name = names.clean("a directory", name)
    if provider not in PROVIDERS:
        raise UsageError(f"{provider!r} is not a provider: write one of {', '.join(PROVIDERS)}")
    key = "".join(secrets.choice(_ID) for _ in range(24))
    edit = {"id": key, "name": name, "organization": organization, "provider": provider}
    try:
        async with transaction(db) as connection:
            await connection.execute(sql("directories.create"), key, organization, name, provider)
            await connection.execute(sql("journal.lock_head"), key)
            resource = ("Directory", key)
            await editor.write_and_ask(connection, organization, "directory.create", resource, edit)
            if paused:
                await pause(
                    connection, editor, organization=organization, scope="directory", target=key
                )
            return Directory(**(await connection.fetch(sql("directories.list"), key))[0])
    except asyncpg.UniqueViolationError:
        raise UsageError(
            f"a directory is already called {name!r}: choose another name, "
            "or see `calscim directory list`"
        ) from None


async def delete_directory(db: Database, editor: Editor, directory: Directory) -> int:
    """Revoke all tokens of the directory and stop syncing it; return the number of tokens.

    Deleting a directory changes nothing in Cal.com.
    """
    async with transaction(db) as connection:
        await connection.execute(sql("journal.lock_head"), directory.id)
        await connection.execute(sql("directories.delete"), directory.id)
        revoked = await connection.fetch(sql("tokens.revoke_all"), directory.id)
        await connection.fetch(sql("pauses.resume"), "directory", directory.id)
        edit = {
            "id": directory.id,
            "name": directory.name,
            "tokens": [row["id"] for row in revoked],
        }
        await editor.write_and_ask(
            connection,
            directory.organization,
            "directory.delete",
            ("Directory", directory.id),
            edit,
        )
    return len(revoked)


async def set_rate(
    db: Database, editor: Editor, directory: Directory, requests_per_second: int | None
) -> None:
    """Limit the requests per second of a directory. None: the configured limit, 0: no limit."""
    async with transaction(db) as connection:
        await connection.execute(
            sql("directories.set_request_limit"), directory.id, requests_per_second
        )
        edit = {"id": directory.id, "requests_per_second": requests_per_second}
        resource = ("Directory", directory.id)
        await editor.write(connection, directory.organization, "directory.set", resource, edit)


async def directories(db: Database, organization: str | None = None) -> list[Directory]:
    """Return the directories of an organization, or all of them, without deleted ones."""
    rows = [Directory(**row) for row in await db.fetch(sql("directories.list"), None)]
    return [row for row in rows if organization in {None, row.organization}]


async def find_directory(db: Database, wanted: str) -> Directory:
    """Return the directory of that id or name, ignoring case. Raise UsageError with similar names if there is none."""
    rows = await db.fetch(sql("directories.list"), wanted)
    if rows:
        return Directory(**rows[0])
    every = await directories(db)
    known = [name for row in every for name in (row.name, row.id)]
    listed = ", ".join(row.name for row in every)
    otherwise = f"use one of: {listed}" if listed else "create one with `calscim directory create`"
    raise UsageError(names.missing("directory", wanted, known, otherwise))


async def only_directory(db: Database, wanted: str | None) -> Directory:
    """Return the directory of that id or name, else the only one. Raise UsageError if there are several."""
    if wanted is not None:
        return await find_directory(db, wanted)
    every = await directories(db)
    if not every:
        raise UsageError("there is no directory yet: see `calscim directory create --help`")
    if len(every) > 1:
        listed = ", ".join(directory.name for directory in every)
        raise UsageError(f"there are several directories: add --directory ({listed})")
    return every[0]
