"""What the database would want of an organization with edits of mappings that are not saved. Writes nothing."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from calscim import admin
from calscim.admin import Draft, MappingEdits, TeamRef
from calscim.planner.desired_state import UNSAVED, Mapping
from calscim.planner.ids import DirectoryId, MappingId, TeamId
from calscim.postgres.pool import Database
from calscim.reconciler.state.desired_state import DesiredSnapshot


async def with_edits(
    db: Database, picture: DesiredSnapshot, edits: MappingEdits
) -> DesiredSnapshot:
    """The picture as it would be with the edits, which are of its organization.

    A mapping that is added has a number above all others, and an edit the row UNSAVED: whatever follows from an
    edit then has it as its cause, as it will have the edit's row once that is saved.
    """
    bound = [await admin.group_named(db, one.directory.id, one.group) for one in edits.add]
    groups = {group: one.group for one, group in zip(edits.add, bound, strict=True) if group}
    members = await admin.members_of(db, groups)
    changed = {MappingId(row.id): drafted for row, drafted in edits.change}
    removed = {MappingId(row.id) for row in edits.remove}
    saved = [_edited(mapping, changed, removed, picture) for mapping in picture.directory.mappings]
    teams = _Teams(saved)
    last = max((mapping.id for mapping in saved), default=0)
    added = [
        Mapping(
            id=MappingId(number),
            directory=DirectoryId(drafted.directory.id),
            group_name=drafted.group,
            group=group,
            team=teams.number(drafted.team, number),
            role=drafted.role,
            mode=drafted.mode,
            seq=UNSAVED,
            since=picture.heads.get(DirectoryId(drafted.directory.id), 0),
            new_team=drafted.team.name if drafted.team.new else None,
        )
        for number, drafted, group in zip(count(last + 1), edits.add, bound, strict=False)
    ]
    directory = replace(
        picture.directory,
        mappings=(*saved, *added),
        members={**picture.directory.members, **members},
        groups={**groups, **picture.directory.groups},
    )
    return replace(picture, directory=directory)


def _edited(
    mapping: Mapping,
    changed: dict[MappingId, Draft],
    removed: set[MappingId],
    picture: DesiredSnapshot,
) -> Mapping:
    if mapping.id in removed:
        return replace(mapping, removed_seq=UNSAVED)
    if (drafted := changed.get(mapping.id)) is None:
        return mapping
    since = picture.heads.get(mapping.directory, 0)
    return replace(mapping, role=drafted.role, mode=drafted.mode, seq=UNSAVED, since=since)


class _Teams:
    """Teams as the planner numbers them: one that is yet to be made goes by a number below zero."""

    def __init__(self, saved: Iterable[Mapping]) -> None:
        self._new = {
            mapping.new_team: mapping.team
            for mapping in saved
            if mapping.new_team is not None and mapping.removed_seq is None
        }

    def number(self, team: TeamRef, mapping: int) -> TeamId | None:
        if not team.new:
            return None if team.id is None else TeamId(team.id)
        return self._new.setdefault(team.name, TeamId(-mapping))
