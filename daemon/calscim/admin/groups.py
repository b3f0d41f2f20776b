"""Groups that identity providers have pushed, and the teams that each is mapped to."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import orjson

from calscim.admin import names
from calscim.admin.directories import Directory
from calscim.errors import UsageError
from calscim.names import trimmed
from calscim.planner.ids import GroupId, UserId
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class MappedTeam:
    """A mapping of a group, as the group's entry lists it. ``team_id`` is None for a team that is to be created."""

    id: int
    team_id: int | None
    team: str
    role: str
    mode: str


@dataclass(frozen=True, slots=True)
class PushedGroup:
    """A group of a directory. ``members`` counts users and nested groups."""

    id: str
    name: str
    directory: str
    directory_id: str
    organization: str
    members: int
    mappings: tuple[MappedTeam, ...]


def mapped_teams(stored: str) -> tuple[MappedTeam, ...]:
    """Read a column of mappings that Postgres aggregates as JSON."""
    return tuple(MappedTeam(**mapping) for mapping in orjson.loads(stored))


async def groups(
    db: Database, *, directory: str | None = None, organization: str | None = None
) -> list[PushedGroup]:
    """Return the groups of the directory with that id, of an organization's directories, or of all."""
    rows = await db.fetch(sql("groups.list"), directory, organization)
    return [PushedGroup(**{**row, "mappings": mapped_teams(row["mappings"])}) for row in rows]


@dataclass(frozen=True, slots=True)
class GroupSize:
    """A pushed group, to complete a name. ``members``: direct ones. ``updated_at``: when it was last pushed."""

    name: str
    directory: str
    members: int
    updated_at: datetime


async def group_sizes(db: Database, organization: str, limit: int) -> list[GroupSize]:
    """Return the first groups of an organization by name, without their mappings."""
    rows = await db.fetch(sql("groups.list_sizes"), organization, limit)
    return [GroupSize(**row) for row in rows]


async def group_named(db: Database, directory: str, name: str) -> GroupId | None:
    """Return the pushed group that a mapping of that name is bound to; None if there is none yet."""
    found: GroupId | None = await db.fetchval(sql("groups.find_by_name"), directory, name)
    return found


async def members_of(db: Database, groups: Collection[GroupId]) -> dict[GroupId, dict[UserId, int]]:
    """Return the users of each group, nested groups included, with the journal row that added each user."""
    found: dict[GroupId, dict[UserId, int]] = {group: {} for group in groups}
    for row in await db.fetch(sql("groups.list_users"), list(groups)):
        found[GroupId(row["group_id"])][UserId(row["user_id"])] = row["seq"]
    return found


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A direct member. ``kind``: User or Group. ``active``: of a user. ``since_seq``: the journal row that added it."""

    id: str
    kind: str
    name: str
    email: str
    active: bool | None
    since_seq: int


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A group as the identity provider last wrote it. ``changed_seq``: the journal row of the last change."""

    id: str
    name: str
    external_id: str | None
    changed_seq: int
    created_at: datetime
    updated_at: datetime
    directory_id: str
    directory: str
    organization: str
    mappings: tuple[MappedTeam, ...]
    members: tuple[GroupMember, ...]


async def show_group(db: Database, wanted: str, directory: Directory | None) -> ShownGroup:
    """Return the group of that id, name or externalId. UsageError if it is not exactly one."""
    scope = None if directory is None else directory.id
    found = await db.fetch(sql("groups.find_exact"), trimmed(wanted), scope)
    if not found:
        known = [group.name for group in await groups(db, directory=scope)]
        raise UsageError(names.missing("group", wanted, known, "see `calscim group list`"))
    if len(found) > 1:
        every = [(one["display_name"], one["directory"], one["id"]) for one in found]
        raise UsageError(names.several("groups", wanted, every))
    row = await db.fetchrow(sql("groups.show"), found[0]["id"])
    if row is None:
        raise UsageError(f"the group {wanted!r} was deleted a moment ago: see `calscim group list`")
    members = await db.fetch(sql("groups.list_direct_members"), row["id"])
    return ShownGroup(
        **{**row, "mappings": mapped_teams(row["mappings"])},
        members=tuple(GroupMember(**one) for one in members),
    )
