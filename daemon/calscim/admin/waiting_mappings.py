"""Mappings that wait for a group: calscim does nothing for them until a group of exactly that name is pushed."""

from dataclasses import dataclass

from calscim.admin import names
from calscim.admin.mappings import mappings
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class WaitingMapping:
    """A mapping without a pushed group. ``near`` lists pushed groups with a similar name."""

    id: int
    directory: str
    group: str
    team_id: int | None
    team: str
    role: str
    mode: str
    near: tuple[str, ...]


async def waiting_mappings(db: Database, organization: str) -> tuple[WaitingMapping, ...]:
    """Return the organization's mappings whose group no identity provider has pushed yet."""
    rows = await mappings(db, organization=organization, waiting=True)
    pushed = {
        directory: names.KnownNames(
            group["display_name"] for group in await db.fetch(sql("groups.list_names"), directory)
        )
        for directory in {row.directory_id for row in rows}
    }
    return tuple(
        WaitingMapping(
            id=row.id,
            directory=row.directory,
            group=row.group_name,
            team_id=row.team.id,
            team=row.team_name,
            role=row.role.value,
            mode=row.mode.value,
            near=tuple(pushed[row.directory_id].near(row.group_name)),
        )
        for row in rows
    )
