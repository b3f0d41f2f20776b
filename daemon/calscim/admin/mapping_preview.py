"""Compute the desired state with edits of mappings that are not saved yet. Writes nothing."""

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
    """Return the desired state as it would be after the edits, which are of the same organization.

    A new mapping gets a number above all others. Every edit gets the journal row UNSAVED, which stands for the edit's
    own row in the provenance of the resulting actions.
    """
    bound = [
        await admin.group_named(db, drafted.directory.id, drafted.group) for drafted in edits.add
    ]
    groups = {
        group: drafted.group for drafted, group in zip(edits.add, bound, strict=True) if group
    }
    members = await admin.members_of(db, groups)
    changed = {MappingId(row.id): drafted for row, drafted in edits.change}
    removed = {MappingId(row.id) for row in edits.remove}
    saved = [_edited(mapping, changed, removed, picture) for mapping in picture.desired.mappings]
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
        picture.desired,
        mappings=(*saved, *added),
        members={**picture.desired.members, **members},
        groups={**groups, **picture.desired.groups},
    )
    return replace(picture, desired=directory)


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
    """The planner's numbers of teams. A team that calscim has yet to create has a number below zero."""

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
