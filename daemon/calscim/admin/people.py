"""Find and show users of identity providers, in pages that the database makes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from calscim.admin import names
from calscim.admin.directories import Directory
from calscim.errors import UsageError
from calscim.names import trimmed
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

FIRST = ("", "00000000-0000-0000-0000-000000000000")


@dataclass(frozen=True, slots=True)
class FoundUser:
    """A user of a directory. ``cal_user_id``: the account in Cal.com, if it is known."""

    id: str
    user_name: str
    email: str
    user_name_key: str
    name: str
    active: bool
    managed: bool
    directory_id: str
    directory: str
    organization: str
    groups: int
    cal_user_id: int | None

    @property
    def position(self) -> tuple[str, str]:
        """Return the place in the list, for the page after this user."""
        return self.user_name_key, self.id


async def search_users(
    db: Database,
    text: str = "",
    *,
    organization: str | None = None,
    after: tuple[str, str] = FIRST,
    limit: int = 50,
    active: bool | None = None,
    directory: str | None = None,
) -> list[FoundUser]:
    """Return users whose userName, address, full name, externalId or id contains the text, by userName.

    ``after``: the position of the last user of the page before. ``directory``: the id of the only directory.
    """
    found = await db.fetch(
        sql("users.search"),
        organization,
        trimmed(text),
        after[0],
        after[1],
        limit,
        active,
        directory,
        _id(text),
    )
    return [FoundUser(**row) for row in found]


def _id(text: str) -> UUID | None:
    try:
        return UUID(trimmed(text))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A group that a user is in directly. ``since_seq``: the journal row that added the user."""

    id: str
    name: str
    since_seq: int


@dataclass(frozen=True, slots=True)
class UserTeam:
    """A team membership of the ledger: calscim added, adopted or found it."""

    team_id: int
    team: str | None
    role: str
    origin: str


@dataclass(frozen=True, slots=True)
class ShownUser:
    """A user as the identity provider last wrote it, with the account in Cal.com. ``resource``: the SCIM attributes."""

    id: str
    user_name: str
    external_id: str | None
    email: str
    active: bool
    managed: bool
    source: str
    resource: dict[str, Any]
    changed_seq: int
    created_at: datetime
    updated_at: datetime
    directory_id: str
    directory: str
    organization: str
    cal_user_id: int | None
    groups: tuple[UserGroup, ...]
    teams: tuple[UserTeam, ...]


async def _similar(db: Database, wanted: str, directory: str | None) -> list[str]:
    """Return userNames that contain the text, or that it may be a misspelling of."""
    containing = await search_users(db, wanted, directory=directory, limit=3)
    similar = await db.fetch(sql("users.list_similar"), trimmed(wanted), directory)
    return [*(one.user_name for one in containing), *(row["user_name"] for row in similar)]


async def show_user(db: Database, wanted: str, directory: Directory | None) -> ShownUser:
    """Return the user of that id, userName, address or externalId. UsageError if it is not exactly one."""
    scope = None if directory is None else directory.id
    found = await db.fetch(sql("users.find_exact"), trimmed(wanted), scope)
    if not found:
        known = await _similar(db, wanted, scope)
        raise UsageError(
            names.missing("user", wanted, known, "see `calscim user list --search TEXT`")
        )
    if len(found) > 1:
        every = [(one["user_name"], one["directory"], one["id"]) for one in found]
        raise UsageError(names.several("users", wanted, every))
    row = dict(await db.fetchrow(sql("users.show"), found[0]["id"]) or {})
    if not row:
        raise UsageError(f"the user {wanted!r} was deleted a moment ago: see `calscim user list`")
    return ShownUser(
        **{
            **row,
            "resource": orjson.loads(row["resource"]),
            "groups": tuple(UserGroup(**one) for one in orjson.loads(row["groups"])),
            "teams": tuple(UserTeam(**one) for one in orjson.loads(row["teams"])),
        }
    )
