"""Mappings as TOML: write the saved mappings, read a file, and compare it with the saved mappings."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit

from calscim.admin.directories import only_directory
from calscim.admin.mappings import (
    Draft,
    MappingEdits,
    MappingRow,
    TeamRef,
    add_mapping,
    change_mapping,
    draft,
    remove_mapping,
)
from calscim.admin.organizations import find_organization
from calscim.admin.teams import ORGANIZATION, read_teams, resolve, resolve_or_new
from calscim.config import Settings
from calscim.errors import UsageError
from calscim.journal.audit import Editor, transaction
from calscim.planner.ids import TeamId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Team
from calscim.planner.roles import Role
from calscim.postgres.pool import Database
from calscim.terminal import escape_toml, printable

_KEYS = {"directory", "group", "team", "team_name", "create_team", "role", "mode"}
Table = dict[str, Any]


def read(path: Path) -> list[Table]:
    """Return the tables of a file, not checked yet. UsageError if the file has anything else."""
    try:
        return read_text(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from None


def read_text(text: str, name: str) -> list[Table]:
    """Return the tables of a file's text, not checked yet. ``name``: the file's, for messages."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is not TOML: {error}") from None
    tables = document.pop("mapping", [])
    if document or not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise UsageError(
            f"{name}: write nothing but [[mapping]] tables, as `calscim mapping export` does"
        )
    return tables


async def edits(
    settings: Settings, db: Database, tables: list[Table], present: Sequence[MappingRow]
) -> MappingEdits:
    """Return what makes the saved mappings those of the tables. UsageError with every problem of the tables."""
    return _compared(await _Reading(settings, db, present).drafts(tables), present)


def to_toml(rows: Sequence[MappingRow]) -> str:
    """Return the mappings as TOML that `calscim mapping apply` reads."""
    document = tomlkit.document()
    document.add(tomlkit.comment("`calscim mapping apply FILE` replaces all mappings by these."))
    tables = tomlkit.aot()
    for row in rows:
        table = tomlkit.table()
        table["directory"] = row.directory
        table["group"] = row.group_name
        if row.create_team:
            table["team"] = row.team_name
            table["create_team"] = True
        else:
            table["team"] = ORGANIZATION if row.team_id is None else row.team_id
            if row.team_id is not None:
                table["team"].comment(printable(row.team_name))
        table["role"] = row.role.value
        table["mode"] = row.mode.value
        tables.append(table)
    document["mapping"] = tables
    return escape_toml(tomlkit.dumps(document))


class _Reading:
    """Checks the tables. Reads Cal.com's teams only for teams that no saved mapping has."""

    def __init__(self, settings: Settings, db: Database, present: Sequence[MappingRow]) -> None:
        self._settings = settings
        self._db = db
        self._known = {(row.organization, row.team_id): row.team_name for row in present}
        self._teams: dict[str, Mapping[TeamId, Team]] = {}

    async def drafts(self, tables: list[Table]) -> list[Draft]:
        """Return the mapping of each table. UsageError with every problem of the file."""
        found: list[Draft] = []
        problems = []
        for number, table in enumerate(tables, start=1):
            try:
                found.append(await self._draft(table))
            except UsageError as error:
                problems.append(f"mapping {number}: {error}")
        keys = [_key(entry) for entry in found]
        for entry in found:
            if keys.count(_key(entry)) > 1:
                keys = [key for key in keys if key != _key(entry)]
                problems.append(f"{entry.group} to {entry.team.name} is in the file more than once")
        if problems:
            raise UsageError("the file cannot be applied:", *problems)
        return found

    async def _draft(self, table: Table) -> Draft:
        if unknown := sorted(table.keys() - _KEYS):
            raise UsageError(
                f"{', '.join(unknown)} is not a key of [[mapping]]; the keys are {', '.join(sorted(_KEYS))}"
            )
        for key in ("group", "team", "mode"):
            if not table.get(key) or not isinstance(table[key], int | str):
                raise UsageError(f"{key} is missing: see `calscim mapping add --help`")
        directory = await only_directory(self._db, table.get("directory"))
        create = table.get("create_team", False)
        if not isinstance(create, bool):
            raise UsageError("create_team must be true or false")
        team = await self._team(directory.organization, str(table["team"]), create=create)
        try:
            role, mode = Role(str(table.get("role", "MEMBER")).upper()), Mode(str(table["mode"]))
        except ValueError as error:
            raise UsageError(f"{error}: see `calscim mapping add --help`") from None
        return draft(directory, group=str(table["group"]), team=team, role=role, mode=mode)

    async def _team(self, name: str, wanted: str, *, create: bool) -> TeamRef:
        if wanted == ORGANIZATION:
            return TeamRef(None, name)
        known = self._known.get((name, int(wanted))) if wanted.isdecimal() else None
        if known is not None:
            return TeamRef(int(wanted), known)
        organization = find_organization(self._settings, name)
        if name not in self._teams:
            self._teams[name] = await read_teams(self._settings, organization)
        if create:
            return resolve_or_new(self._teams[name], wanted)[0]
        return resolve(self._teams[name], organization, wanted)


def _key(drafted: Draft) -> tuple[str, str, int | str | None]:
    return (drafted.directory.id, drafted.group, drafted.team.key)


def _compared(wanted: list[Draft], present: Sequence[MappingRow]) -> MappingEdits:
    there = {(row.directory_id, row.group_name, row.team.key): row for row in present}
    known = {_key(drafted) for drafted in wanted} & there.keys()
    former = {
        (row.directory_id, name, row.team.key): key
        for key, row in there.items()
        if row.group_id is not None and key not in known
        for name in row.former_names
    }
    add: list[Draft] = []
    change: list[tuple[MappingRow, Draft]] = []
    renamed: list[tuple[MappingRow, Draft]] = []
    for drafted in wanted:
        row = there.pop(_key(drafted), None)
        if row is None and _key(drafted) in former:  # a file from before the group was renamed
            row = there.pop(former[_key(drafted)], None)
            if row is not None:
                renamed.append((row, drafted))
        if row is None:
            add.append(drafted)
        elif (row.role, row.mode) != (drafted.role, drafted.mode):
            change.append((row, drafted))
    return MappingEdits(tuple(add), tuple(change), tuple(there.values()), tuple(renamed))


async def apply_edits(db: Database, editor: Editor, edits: MappingEdits) -> list[str]:
    """Save all edits or none, in one transaction. Return the warnings."""
    warnings = []
    async with transaction(db) as connection:
        for drafted in edits.add:
            _, found = await add_mapping(connection, editor, drafted)
            warnings += found
        for row, drafted in edits.change:
            await change_mapping(connection, editor, row, role=drafted.role, mode=drafted.mode)
        for row in edits.remove:
            await remove_mapping(connection, editor, row)
    return warnings
