"""Groups as they were pushed, and what each is mapped to."""

from dataclasses import dataclass
from typing import Any

import orjson

from calscim.store.pool import Database
from calscim.store.sql import sql


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
    rows = await db.fetch(sql("admin.groups"), directory, organization)
    return [
        PushedGroup(**{**row, "mappings": tuple(orjson.loads(row["mappings"]))}) for row in rows
    ]
