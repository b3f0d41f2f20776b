"""calscim mapping export and apply: the whole table as TOML, so that it can be kept beside other configuration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomlkit
from rich.console import Group, RenderableType

from calscim import admin
from calscim.admin import Draft, MappingEdits, MappingRow, TeamRef
from calscim.cli import mapping_tables
from calscim.cli.call import Call
from calscim.cli.database import opened
from calscim.cli.output import lines
from calscim.cli.reconciling import show_plans
from calscim.cli.teams import ORGANIZATION
from calscim.cli.verbs import Verbs
from calscim.errors import UsageError
from calscim.postgres.pool import Connection, Database
from calscim.terminal import escape_toml, printable

PENDING = 2
DRY_RUN = "save nothing; print the plan that there would be, with the exit codes of `calscim plan`"


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
    either = apply.add_mutually_exclusive_group()
    either.add_argument("--yes", action="store_true", help="do it")
    either.add_argument("--dry-run", action="store_true", help=DRY_RUN)


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
                table["team"].comment(printable(row.team_name))
        table["role"] = row.role.value
        table["mode"] = row.mode.value
        tables.append(table)
    document["mapping"] = tables
    return escape_toml(tomlkit.dumps(document))


# ------------------------------------------------------------------ apply


async def _apply(call: Call) -> int:
    settings, tables = call.settings(), mapping_tables.read(call.arguments.file)
    async with opened(settings) as db:
        edits = await mapping_tables.edits(settings, db, tables, await admin.mappings(db))
        for row, drafted in edits.renamed:
            call.output.warn(
                f"the group {drafted.group!r} is called {row.group_name!r} now: mapping {row.id} stays as it is; "
                f"write {row.group_name!r} in {call.arguments.file}"
            )
        if call.arguments.dry_run:
            return await show_plans(call, db, settings, None, edits)
        if edits and call.arguments.yes:
            await _perform(call, db, edits)
    applied = bool(edits) and call.arguments.yes
    call.output.data({"applied": applied, **_as_json(edits)}, _shown(edits, applied))
    return PENDING if edits and not applied else 0


async def _perform(call: Call, db: Database, edits: MappingEdits) -> None:
    """All or nothing: half a table could make a team exclusive for half of its groups."""
    async with admin.transaction(db) as connection:
        await _edit(call, connection, edits)


async def _edit(call: Call, db: Connection, edits: MappingEdits) -> None:
    editor = call.editor()
    for entry in edits.add:
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
    for row, entry in edits.change:
        await admin.change_mapping(db, editor, row, role=entry.role, mode=entry.mode)
    for row in edits.remove:
        await admin.remove_mapping(db, editor, row)


def _as_json(edits: MappingEdits) -> dict[str, Any]:
    return {
        "add": [_entry(one.directory.name, one.group, one.team, one) for one in edits.add],
        "change": [
            {"id": row.id, **_entry(row.directory, row.group_name, entry.team, entry)}
            for row, entry in edits.change
        ],
        "remove": [
            {
                "id": row.id,
                **_entry(row.directory, row.group_name, row.team, row),
            }
            for row in edits.remove
        ],
    }


def _entry(directory: str, group: str, team: TeamRef, of: Draft | MappingRow) -> dict[str, Any]:
    return {
        "directory": directory,
        "group": group,
        "team_id": team.id,
        "team": team.name,
        **({"create_team": True} if team.new else {}),
        "role": of.role.value,
        "mode": of.mode.value,
    }


def _shown(edits: MappingEdits, applied: bool) -> RenderableType:
    added = (
        f"+ {one.directory.name}: {one.group} to {'new team ' if one.team.new else ''}{one.team.name} "
        f"({one.role.value}, {one.mode.value})"
        for one in edits.add
    )
    changed = (
        f"~ {row.directory}: {row.group_name} to {row.team_name} "
        f"({row.role.value}, {row.mode.value} becomes {one.role.value}, {one.mode.value})"
        for row, one in edits.change
    )
    removed = (
        f"- {row.directory}: {row.group_name} to {row.team_name} ({row.role.value}, {row.mode.value})"
        for row in edits.remove
    )
    if not edits:
        end = "the mappings are as in the file"
    else:
        end = "applied" if applied else "nothing was changed: add --yes to do it"
    return Group(
        *(lines(text, style="green") for text in added),
        *(lines(text, style="yellow") for text in changed),
        *(lines(text, style="red") for text in removed),
        lines(end),
    )
