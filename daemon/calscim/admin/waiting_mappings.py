"""Mappings that wait for a group: nothing happens for them until a group of exactly that name is pushed."""

from typing import Any

from calscim.admin import names
from calscim.admin.mappings import mappings
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


async def waiting_mappings(db: Database, organization: str) -> list[dict[str, Any]]:
    """In the form of ``waiting_mappings`` of ``plan --json``. ``near``: pushed groups that may be meant."""
    rows = [row for row in await mappings(db, organization=organization) if row.state == "waiting"]
    pushed = {
        directory: [
            one["display_name"] for one in await db.fetch(sql("groups.list_names"), directory)
        ]
        for directory in {row.directory_id for row in rows}
    }
    return [
        {
            "id": row.id,
            "directory": row.directory,
            "group": row.group_name,
            "team_id": row.team.id,
            "team": row.team_name,
            "role": row.role.value,
            "mode": row.mode.value,
            "near": names.near(row.group_name, pushed[row.directory_id]),
        }
        for row in rows
    ]
