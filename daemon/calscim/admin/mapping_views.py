"""Mappings and edits of mappings as operators see them, in the terminal and with ``--json``."""

from dataclasses import dataclass, field

from calscim.admin.as_json import OPTIONAL
from calscim.admin.mappings import Draft, MappingEdits, MappingRow, TeamRef


@dataclass(frozen=True, slots=True)
class MappingView:
    """A mapping as ``mapping list --json`` shows it. ``mapped_as``: the group's name when it was mapped."""

    id: int
    directory: str
    directory_id: str
    organization: str
    group: str
    group_id: str | None
    mapped_as: str
    team_id: int | None
    create_team: bool
    team: str
    role: str
    mode: str
    members: int
    state: str
    removed_seq: int | None = field(default=None, metadata=OPTIONAL)


def mapping_view(row: MappingRow, *, removed_seq: int | None = None) -> MappingView:
    """Return the mapping as operators see it. ``removed_seq``: the journal row that removed it."""
    return MappingView(
        id=row.id,
        directory=row.directory,
        directory_id=row.directory_id,
        organization=row.organization,
        group=row.group,
        group_id=row.group_id,
        mapped_as=row.group_name,
        team_id=row.team.id,
        create_team=row.create_team,
        team=row.team_name,
        role=row.role.value,
        mode=row.mode.value,
        members=row.members,
        state=row.state if removed_seq is None else "removed",
        removed_seq=removed_seq,
    )


@dataclass(frozen=True, slots=True)
class EditedMapping:
    """A mapping that a file adds, changes or removes. ``id`` is None for an added mapping."""

    directory: str
    group: str
    team_id: int | None
    team: str
    role: str
    mode: str
    create_team: bool | None = field(default=None, metadata=OPTIONAL)
    id: int | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, slots=True)
class EditsView:
    """The edits that make the saved mappings those of a file, and whether they were applied."""

    applied: bool
    add: tuple[EditedMapping, ...]
    change: tuple[EditedMapping, ...]
    remove: tuple[EditedMapping, ...]


def edits_view(edits: MappingEdits, *, applied: bool) -> EditsView:
    """Return the edits as operators see them."""
    return EditsView(
        applied,
        tuple(_edited(one.directory.name, one.group, one.team, one) for one in edits.add),
        tuple(
            _edited(row.directory, row.group_name, drafted.team, drafted, row.id)
            for row, drafted in edits.change
        ),
        tuple(
            _edited(row.directory, row.group_name, row.team, row, row.id) for row in edits.remove
        ),
    )


def _edited(
    directory: str, group: str, team: TeamRef, target: Draft | MappingRow, id_: int | None = None
) -> EditedMapping:
    return EditedMapping(
        directory=directory,
        group=group,
        team_id=team.id,
        team=team.name,
        role=target.role.value,
        mode=target.mode.value,
        create_team=team.new or None,
        id=id_,
    )
