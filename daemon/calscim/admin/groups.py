"""Groups as they were pushed, and what each is mapped to."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from calscim.planner.ids import GroupId, UserId
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class PushedGroup:
    """``members`` counts users and nested groups; ``mappings`` are id, team_id, team, role, mode."""

    id: str
    name: str
    directory_id: str
    directory: str
    organization: str
    members: int
    mappings: tuple[dict[str, Any], ...]


async def groups(
    db: Database, *, directory: str | None = None, organization: str | None = None
) -> list[PushedGroup]:
    """Of the directory with that id, of an organization's directories, or all."""
    rows = await db.fetch(sql("groups.list"), directory, organization)
    return [
        PushedGroup(**{**row, "mappings": tuple(orjson.loads(row["mappings"]))}) for row in rows
    ]


async def group_named(db: Database, directory: str, name: str) -> GroupId | None:
    """The pushed group that a mapping of that name is bound to."""
    found: GroupId | None = await db.fetchval(sql("groups.find_by_name"), directory, name)
    return found


async def members_of(db: Database, groups: Collection[GroupId]) -> dict[GroupId, dict[UserId, int]]:
    """The users of each group, those of nested groups included, with the journal row that put them there."""
    found: dict[GroupId, dict[UserId, int]] = {group: {} for group in groups}
    for row in await db.fetch(sql("groups.list_users"), list(groups)):
        found[GroupId(row["group_id"])][UserId(row["user_id"])] = row["seq"]
    return found
