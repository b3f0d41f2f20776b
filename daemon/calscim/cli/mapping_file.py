"""calscim mapping export and apply: all mappings as TOML, to be kept with other configuration."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType

from calscim import admin
from calscim.admin import MappingEdits, mapping_file
from calscim.admin.mapping_views import edits_view
from calscim.cli.command import Command
from calscim.cli.confirmation import offer
from calscim.cli.database import opened
from calscim.cli.output import lines
from calscim.cli.plan import show_plans
from calscim.cli.verbs import Verbs
from calscim.errors import UsageError
from calscim.exit_codes import ExitCode
from calscim.wording import counted

DRY_RUN = "save nothing; print the plan as if it were saved, with the exit codes of `calscim plan`"


def register(nouns: Verbs) -> None:
    export = nouns.add(
        "export",
        _export,
        "write all mappings as TOML",
        data=False,
        examples=("calscim mapping export", "calscim mapping export --output mappings.toml"),
    )
    export.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
    apply = nouns.add(
        "apply",
        _apply,
        "replace the saved mappings with those of a file",
        details="A mapping that the file does not have is removed. Without --yes it prints the changes and asks on a "
        "terminal; without a terminal, it exits with 2 if there are changes.",
        examples=(
            "calscim mapping apply mappings.toml --dry-run",
            "calscim mapping apply mappings.toml --yes",
        ),
        exits=(ExitCode.PENDING, ExitCode.HELD),
    )
    apply.add_argument("file", type=Path, metavar="FILE", help="from `calscim mapping export`")
    either = apply.add_mutually_exclusive_group()
    either.add_argument("--yes", action="store_true", help="save the changes")
    either.add_argument("--dry-run", action="store_true", help=DRY_RUN)


async def _export(command: Command) -> None:
    async with opened(command.settings()) as db:
        text = mapping_file.to_toml(await admin.mappings(db))
    if command.arguments.output is None:
        command.output.write(text.rstrip("\n"))
        return
    try:
        command.arguments.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{command.arguments.output} cannot be written: {error.strerror}"
        ) from None


async def _apply(command: Command) -> int:
    settings, tables = command.settings(), mapping_file.read(command.arguments.file)
    async with opened(settings) as db:
        edits = await mapping_file.edits(settings, db, tables, await admin.mappings(db))
        for row, drafted in edits.renamed:
            command.output.warn(
                f"the group {drafted.group!r} is now called {row.group_name!r}: mapping {row.id} stays as it is; "
                f"write {row.group_name!r} in {command.arguments.file}"
            )
        if command.arguments.dry_run:
            return await show_plans(command, db, settings, None, edits)
        shown: RenderableType = Group(*_difference(edits))
        applied = bool(edits) and command.arguments.yes
        if edits and not applied:
            consequence = f"This saves {counted(_count(edits), 'edit')}."
            shown, applied = await offer(command, shown, consequence)
        if applied:
            for warning in await mapping_file.apply_edits(db, command.editor(), edits):
                command.output.warn(warning)
    command.output.data(
        edits_view(edits, applied=applied), Group(shown, _outcome(edits, applied=applied))
    )
    return ExitCode.PENDING if edits and not applied else 0


def _count(edits: MappingEdits) -> int:
    return len(edits.add) + len(edits.change) + len(edits.remove)


def _outcome(edits: MappingEdits, *, applied: bool) -> RenderableType:
    if not edits:
        return lines("the saved mappings are those of the file")
    return lines("applied" if applied else "nothing was changed: add --yes to save the changes")


def _difference(edits: MappingEdits) -> Iterator[RenderableType]:
    for one in edits.add:
        team = f"new team {one.team.name}" if one.team.new else one.team.name
        added = (
            f"+ {one.directory.name}: {one.group} to {team} ({one.role.value}, {one.mode.value})"
        )
        yield lines(added, style="green")
    for row, one in edits.change:
        yield lines(
            f"~ {row.directory}: {row.group_name} to {row.team_name} "
            f"({row.role.value}, {row.mode.value} becomes {one.role.value}, {one.mode.value})",
            style="yellow",
        )
    for row in edits.remove:
        yield lines(
            f"- {row.directory}: {row.group_name} to {row.team_name} ({row.role.value}, {row.mode.value})",
            style="red",
        )
