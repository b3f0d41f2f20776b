"""Groups that identity providers have pushed, and the teams that each is mapped to."""

from collections.abc import Collection
from dataclasses import dataclass

import orjson

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
