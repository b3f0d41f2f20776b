"""calscim mapping export and apply: the whole table as TOML, so that it can be kept beside other configuration."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from rich.text import Text

from calscim.cli.call import Call, Verbs
from calscim.cli.chosen import the_directory, the_organization
from calscim.cli.database import opened
from calscim.cli.teams import ORGANIZATION, read_teams, resolve, resolve_or_new
from calscim.core.model import Mode, Role, Team, TeamId
from calscim.errors import UsageError
from calscim.settings import Settings
from calscim.store import admin
from calscim.store.admin import Directory, MappingRow, TeamRef
from calscim.store.pool import Connection, Database

PENDING = 2
_KEYS = {"directory", "group", "team", "team_name", "create_team", "role", "mode"}


def register(nouns: Verbs) -> None:
    export = nouns.add("export", _export, "every mapping as TOML", data=False)
    export.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
    apply = nouns.add(
        "apply",
        _apply,
        "make the mappings those of a file; without --yes only say what would change (exit 2)",
        details="A mapping that the file does not have is removed.",
    )
    apply.add_argument(
        "file", type=Path, metavar="FILE", help="as `calscim mapping export` writes it"
    )
    apply.add_argument("--yes", action="store_true", help="do it")


# ------------------------------------------------------------------ export


async def _export(call: Call) -> None:
    async with opened(call.settings()) as db:
        text = _toml(await admin.mappings(db))
    if call.arguments.output is None:
        call.output.write(text.rstrip("\n"))
        return
    try:
        call.arguments.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{call.arguments.output} cannot be written: {error.strerror}") from None


def _toml(rows: Sequence[MappingRow]) -> str:
    document = tomlkit.document()
    document.add(tomlkit.comment("calscim's mappings; `calscim mapping apply FILE` makes them so."))
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
                table["team"].comment(row.team_name)
        table["role"] = row.role.value
        table["mode"] = row.mode.value
        tables.append(table)
    document["mapping"] = tables
    return tomlkit.dumps(document)


# ------------------------------------------------------------------ apply


@dataclass(frozen=True, slots=True)
class _Entry:
    """One [[mapping]] of the file, understood."""

    directory: Directory
    group: str
    team: TeamRef
    role: Role
    mode: Mode

    @property
    def key(self) -> tuple[str, str, int | str | None]:
        return (self.directory.id, self.group, _target(self.team))


def _target(team: TeamRef) -> int | str | None:
    """What makes two teams the same: the id, or the name of one that is yet to be made."""
    return team.name if team.new else team.id


@dataclass(slots=True)
class _Difference:
    add: list[_Entry] = field(default_factory=list)
    change: list[tuple[MappingRow, _Entry]] = field(default_factory=list)
    remove: list[MappingRow] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.add or self.change or self.remove)


async def _apply(call: Call) -> int:
    settings, tables = call.settings(), _read(call.arguments.file)
    async with opened(settings) as db:
        present = await admin.mappings(db)
        wanted = await _Reading(settings, db, present).entries(tables)
        difference = _compare(wanted, present)
        if difference and call.arguments.yes:
            await _perform(call, db, difference)
    applied = bool(difference) and call.arguments.yes
    call.output.data({"applied": applied, **_as_json(difference)}, _shown(difference, applied))
    return PENDING if difference and not applied else 0


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    tables = document.pop("mapping", [])
    if document or not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise UsageError(
            f"{path}: write nothing but [[mapping]] tables, as `calscim mapping export` does"
        )
    return tables


class _Reading:
    """Understands the tables; Cal.com is asked only for teams that no present mapping knows."""

    def __init__(self, settings: Settings, db: Database, present: Sequence[MappingRow]) -> None:
        self._settings = settings
        self._db = db
        self._known = {(row.organization, row.team_id): row.team_name for row in present}
        self._teams: dict[str, dict[TeamId, Team]] = {}

    async def entries(self, tables: list[dict[str, Any]]) -> list[_Entry]:
        """UsageError with everything that is wrong with the file."""
        found: list[_Entry] = []
        problems = []
        for number, table in enumerate(tables, start=1):
            try:
                found.append(await self._entry(table))
            except UsageError as error:
                problems.append(f"mapping {number}: {error}")
        keys = [entry.key for entry in found]
        for entry in found:
            if keys.count(entry.key) > 1:
                keys = [key for key in keys if key != entry.key]
                problems.append(f"{entry.group} to {entry.team.name} stands more than once")
        if problems:
            raise UsageError("the file cannot be applied:\n  " + "\n  ".join(problems))
        return found

    async def _entry(self, table: dict[str, Any]) -> _Entry:
        if unknown := sorted(table.keys() - _KEYS):
            raise UsageError(
                f"{', '.join(unknown)} is not known; the keys are {', '.join(sorted(_KEYS))}"
            )
        for key in ("group", "team", "mode"):
            if not table.get(key) or not isinstance(table[key], int | str):
                raise UsageError(f"{key} is missing")
        directory = await the_directory(self._db, table.get("directory"))
        create = table.get("create_team", False)
        if not isinstance(create, bool):
            raise UsageError("create_team is true or false")
        team = await self._team(directory.organization, str(table["team"]), create=create)
        try:
            role, mode = Role(str(table.get("role", "MEMBER")).upper()), Mode(str(table["mode"]))
        except ValueError as error:
            raise UsageError(f"{error}: see `calscim mapping add --help`") from None
        return _Entry(directory, str(table["group"]).strip(), team, role, mode)

    async def _team(self, name: str, wanted: str, *, create: bool) -> TeamRef:
        if wanted == ORGANIZATION:
            return TeamRef(None, name)
        known = self._known.get((name, int(wanted))) if wanted.isdecimal() else None
        if known is not None:
            return TeamRef(int(wanted), known)
        organization = the_organization(self._settings, name)
        if name not in self._teams:
            self._teams[name] = await read_teams(self._settings, organization)
        if create:
            return resolve_or_new(self._teams[name], wanted)[0]
        return resolve(self._teams[name], organization, wanted)


def _compare(wanted: list[_Entry], present: Sequence[MappingRow]) -> _Difference:
    there = {(row.directory_id, row.group_name, _target(row.team)): row for row in present}
    difference = _Difference()
    for entry in wanted:
        row = there.pop(entry.key, None)
        if row is None:
            difference.add.append(entry)
        elif (row.role, row.mode) != (entry.role, entry.mode):
            difference.change.append((row, entry))
    difference.remove.extend(there.values())
    return difference


async def _perform(call: Call, db: Database, difference: _Difference) -> None:
    """All or nothing: half a table could make a team exclusive for half of its groups."""
    async with admin.transaction(db) as connection:
        await _edit(call, connection, difference)


async def _edit(call: Call, db: Connection, difference: _Difference) -> None:
    editor = call.editor()
    for entry in difference.add:
        _, warnings = await admin.add_mapping(
            db,
            editor,
            entry.directory,
            group=entry.group,
            team=entry.team,
            role=entry.role,
            mode=entry.mode,
        )
        for warning in warnings:
            call.output.warn(warning)
    for row, entry in difference.change:
        await admin.change_mapping(db, editor, row, role=entry.role, mode=entry.mode)
    for row in difference.remove:
        await admin.remove_mapping(db, editor, row)


def _as_json(difference: _Difference) -> dict[str, Any]:
    return {
        "add": [_entry(one.directory.name, one.group, one.team, one) for one in difference.add],
        "change": [
            {"id": row.id, **_entry(row.directory, row.group_name, entry.team, entry)}
            for row, entry in difference.change
        ],
        "remove": [
            {
                "id": row.id,
                **_entry(row.directory, row.group_name, row.team, row),
            }
            for row in difference.remove
        ],
    }


def _entry(directory: str, group: str, team: TeamRef, of: _Entry | MappingRow) -> dict[str, Any]:
    return {
        "directory": directory,
        "group": group,
        "team_id": team.id,
        "team": team.name,
        **({"create_team": True} if team.new else {}),
        "role": of.role.value,
        "mode": of.mode.value,
    }


def _shown(difference: _Difference, applied: bool) -> Text:
    shown = Text()
    for one in difference.add:
        shown.append(
            f"+ {one.directory.name}: {one.group} to {'new team ' if one.team.new else ''}{one.team.name} "
            f"({one.role.value}, {one.mode.value})\n",
            style="green",
        )
    for row, one in difference.change:
        shown.append(
            f"~ {row.directory}: {row.group_name} to {row.team_name} "
            f"({row.role.value}, {row.mode.value} becomes {one.role.value}, {one.mode.value})\n",
            style="yellow",
        )
    for row in difference.remove:
        shown.append(
            f"- {row.directory}: {row.group_name} to {row.team_name} ({row.role.value}, {row.mode.value})\n",
            style="red",
        )
    if not difference:
        return shown.append("the mappings are as in the file")
    return shown.append("applied" if applied else "nothing was changed: add --yes to do it")
