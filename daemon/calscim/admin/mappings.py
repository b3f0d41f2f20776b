"""Edit and list mappings: the rules that put the members of a group on a team. A removed mapping keeps its row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from calscim.admin import names
from calscim.admin.directories import Directory
from calscim.errors import UsageError
from calscim.journal.audit import Editor, transaction
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class TeamRef:
    """The team of a mapping. ``id`` None: the organization itself, unless ``new``.

    ``new``: Cal.com has no such team yet, and calscim creates it. The team then has no id.
    """

    id: int | None
    name: str
    new: bool = False

    @property
    def key(self) -> int | str | None:
        """Return what identifies the team: its id, or the name of a team that is to be created."""
        return self.name if self.new else self.id


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A saved mapping. ``group_id`` None: the mapping waits for a group with exactly the name ``group_name``.

    ``display_name`` is the present name of the group. ``group_name`` follows the group when it is renamed, and
    ``former_names`` lists its earlier names. ``team_id`` below 0: calscim has yet to create the team; mappings with the
    same number share that team.
    """

    id: int
    directory_id: str
    directory: str
    organization: str
    group_name: str
    group_id: str | None
    team_id: int | None
    team_name: str
    role: Role
    mode: Mode
    seq: int
    created_at: datetime
    display_name: str | None
    former_names: list[str]
    members: int
    paused: bool

    @property
    def state(self) -> str:
        """Return waiting (the group was not pushed), paused, creating (the team does not exist yet), or active."""
        if self.group_id is None:
            return "waiting"
        if self.paused:
            return "paused"
        return "creating" if self.create_team else "active"

    @property
    def create_team(self) -> bool:
        """Return True if calscim has yet to create the team."""
        return self.team_id is not None and self.team_id < 0

    @property
    def team(self) -> TeamRef:
        if self.create_team:
            return TeamRef(None, self.team_name, new=True)
        return TeamRef(self.team_id, self.team_name)

    @property
    def group(self) -> str:
        """Return the present name of the group, else the name that the mapping waits for."""
        return self.display_name or self.group_name


@dataclass(frozen=True, slots=True)
class Draft:
    """A mapping that is not saved yet. Create it with ``draft``."""

    directory: Directory
    group: str
    team: TeamRef
    role: Role
    mode: Mode


@dataclass(frozen=True, slots=True)
class MappingEdits:
    """Edits that are not saved yet. ``change``: pairs of a saved mapping and the draft that replaces it."""

    add: tuple[Draft, ...] = ()
    change: tuple[tuple[MappingRow, Draft], ...] = ()
    remove: tuple[MappingRow, ...] = ()
    renamed: tuple[tuple[MappingRow, Draft], ...] = ()  # written under a former name of the group

    def __bool__(self) -> bool:
        return bool(self.add or self.change or self.remove)

    def of(self, organization: str) -> "MappingEdits":
        """Return the edits of one organization."""
        return MappingEdits(
            tuple(one for one in self.add if one.directory.organization == organization),
            tuple(one for one in self.change if one[0].organization == organization),
            tuple(one for one in self.remove if one.organization == organization),
        )


def draft(directory: Directory, *, group: str, team: TeamRef, role: Role, mode: Mode) -> Draft:
    """Return a draft. Raise UsageError if it cannot be saved, whatever else is mapped."""
    _check(team, mode)
    return Draft(directory, names.clean("a group", group), team, role, mode)


async def preview_mapping(db: Database, drafted: Draft) -> list[str]:
    """Return the warnings of ``add_mapping``, or raise its UsageError, without saving anything."""
    directory, team = drafted.directory, drafted.team
    every = await mappings(db, organization=directory.organization)
    same = [row for row in every if row.team.key == team.key]
    if any((row.directory_id, row.group_name) == (directory.id, drafted.group) for row in same):
        raise UsageError(await _taken(db, directory, drafted.group, team))
    async with db.connection() as connection:
        bound = await connection.fetchval(sql("groups.find_by_name"), directory.id, drafted.group)
        warnings = [] if bound else await _unknown(connection, directory, drafted.group)
    others = [row for row in same if row.team_id is not None]
    return warnings + _exclusive(team, drafted.mode, others)


async def mappings(
    db: "Database | Connection",
    *,
    directory: str | None = None,
    organization: str | None = None,
    waiting: bool = False,
) -> list[MappingRow]:
    """Return the mappings of the directory with that id, of the organization, or all; without removed ones.

    ``waiting``: only those that wait for a group, for which no members have to be counted.
    """
    rows = await db.fetch(sql("mappings.list"), None, directory, organization, waiting)
    return [_row(row) for row in rows]


async def find_mapping(db: Database, number: int) -> MappingRow:
    """Return the mapping with that number. Raise UsageError if there is none."""
    rows = await db.fetch(sql("mappings.list"), number, None, None, False)
    if not rows:
        raise UsageError(f"there is no mapping {number}: see `calscim mapping list`")
    return _row(rows[0])


async def add_mapping(
    db: "Database | Connection", editor: Editor, drafted: Draft
) -> tuple[MappingRow, list[str]]:
    """Save a mapping; return it with its warnings. Raise UsageError if the group is already mapped to the team.

    The directory's head is locked, so that a group that is pushed meanwhile is bound either here or by the push.
    """
    directory, group, team = drafted.directory, drafted.group, drafted.team
    try:
        async with transaction(db) as connection:
            await connection.execute(sql("journal.lock_head"), directory.id)
            bound = await connection.fetchval(sql("groups.find_by_name"), directory.id, group)
            number = await connection.fetchval(sql("mappings.next_id"))
            target = team.id
            if team.new:
                arguments = (directory.organization, team.name)
                target = (
                    await connection.fetchval(sql("mappings.find_pending_team"), *arguments)
                    or -number
                )
            edit = {
                "id": number,
                "directory": directory.id,
                "group": group,
                "group_id": bound,
                **_target(team, drafted.role, drafted.mode),
            }
            seq = await editor.write_and_ask(
                connection, directory.organization, "mapping.add", ("Mapping", str(number)), edit
            )
            await connection.execute(
                sql("mappings.add"),
                number,
                directory.id,
                group,
                bound,
                target,
                team.name,
                drafted.role.value,
                drafted.mode.value,
                seq,
            )
            every = await mappings(connection, organization=directory.organization)
            warnings = [] if bound else await _unknown(connection, directory, group)
    except asyncpg.UniqueViolationError:
        raise UsageError(await _taken(db, directory, group, team)) from None
    added = next(row for row in every if row.id == number)
    others = [
        row
        for row in every
        if row.team_id == added.team_id and row.id != added.id and row.team_id is not None
    ]
    return added, warnings + _exclusive(added.team, added.mode, others)


async def change_mapping(
    db: "Database | Connection",
    editor: Editor,
    mapping: MappingRow,
    *,
    role: Role,
    mode: Mode,
) -> MappingRow:
    """Change the role and the mode of a mapping in place, so that no member leaves the team in between."""
    _check(mapping.team, mode)
    async with transaction(db) as connection:
        await _lock(connection, mapping)
        edit = {**_identity(mapping), **_target(mapping.team, role, mode)}
        resource = ("Mapping", str(mapping.id))
        seq = await editor.write_and_ask(
            connection, mapping.organization, "mapping.change", resource, edit
        )
        await connection.execute(sql("mappings.update"), mapping.id, role.value, mode.value, seq)
        rows = await connection.fetch(sql("mappings.list"), mapping.id, None, None, False)
    return _row(rows[0])


async def move_mapping(
    db: "Database | Connection", editor: Editor, mapping: MappingRow, moved: Draft
) -> tuple[MappingRow, list[str]]:
    """Replace a mapping with one to another team, in one transaction; return the new one with its warnings.

    The new mapping has an id of its own: the old row stays as the reason why its people leave the old team.
    """
    async with transaction(db) as connection:
        added, warnings = await add_mapping(connection, editor, moved)
        await remove_mapping(connection, editor, mapping)
    return added, warnings


async def remove_mapping(db: "Database | Connection", editor: Editor, mapping: MappingRow) -> int:
    """Remove a mapping and return its journal row.

    In managed and exclusive, the next pass removes the memberships that only this mapping asked for.
    """
    async with transaction(db) as connection:
        await _lock(connection, mapping)
        edit = {**_identity(mapping), **_target(mapping.team, mapping.role, mapping.mode)}
        resource = ("Mapping", str(mapping.id))
        seq = await editor.write_and_ask(
            connection, mapping.organization, "mapping.remove", resource, edit
        )
        await connection.execute(sql("mappings.remove"), mapping.id, seq)
    return seq


async def _lock(connection: Connection, mapping: MappingRow) -> None:
    """Lock a mapping. Raise UsageError if another operator has removed or changed it since it was read."""
    seq = await connection.fetchval(sql("mappings.lock"), mapping.id)
    if seq != mapping.seq:
        done = "removed" if seq is None else "changed"
        raise UsageError(
            f"another operator has {done} mapping {mapping.id} in the meantime, and nothing was saved: see "
            "`calscim mapping list`, then try again"
        )


def _check(team: TeamRef, mode: Mode) -> None:
    if team.id is None and not team.new and mode is Mode.EXCLUSIVE:
        raise UsageError(
            "an organization cannot be exclusive, because all its other members would be removed: "
            "choose managed, add-only or observe"
        )


def _identity(mapping: MappingRow) -> dict[str, Any]:
    return {
        "id": mapping.id,
        "directory": mapping.directory_id,
        "group": mapping.group_name,
        "group_id": mapping.group_id,
    }


def _target(team: TeamRef, role: Role, mode: Mode) -> dict[str, Any]:
    new = {"create_team": True} if team.new else {}
    return {"team_id": team.id, "team": team.name, **new, "role": role.value, "mode": mode.value}


def _row(row: asyncpg.Record) -> MappingRow:
    return MappingRow(**{**row, "role": Role(row["role"]), "mode": Mode(row["mode"])})


async def _unknown(connection: Connection, directory: Directory, group: str) -> list[str]:
    rows = await connection.fetch(sql("groups.list_names"), directory.id)
    near = names.near(group, (row["display_name"] for row in rows))
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    return [
        (
            f"no group called {group!r} was pushed to {directory.name} yet: the mapping waits for "
            f"a group of exactly this name{hint}"
        )
    ]


async def _taken(
    db: "Database | Connection", directory: Directory, group: str, team: TeamRef
) -> str:
    for row in await mappings(db, directory=directory.id):
        if (row.group_name, row.team.id, row.create_team) == (group, team.id, team.new):
            return (
                f"{group!r} is mapped to {team.name} already, as {row.role.value} in mode {row.mode.value}: "
                f"`calscim mapping change {row.id}` gives it another role, mode or team"
            )
    return f"{group!r} is mapped to {team.name} already: see `calscim mapping list`"


def _exclusive(team: TeamRef, mode: Mode, others: list[MappingRow]) -> list[str]:
    """Return a warning if one exclusive mapping decides for the whole team. ``others``: the team's other mappings."""
    if mode is Mode.EXCLUSIVE:
        whom = ", ".join(sorted({row.group for row in others}))
        return [
            f"{team.name} becomes exclusive: people who are in none of its groups will be removed from it"
            + (f" (its other groups: {whom})" if whom else "")
        ]
    if first := next((row for row in others if row.mode is Mode.EXCLUSIVE), None):
        return [
            (
                f"{team.name} stays exclusive because of mapping {first.id} ({first.group}): "
                f"mode {mode.value} does not change that"
            )
        ]
    return []
