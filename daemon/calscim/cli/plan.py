"""calscim plan: read Cal.com and print the changes to make, without making them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Group, RenderableType

from calscim import admin
from calscim.admin import MappingEdits, mapping_file
from calscim.admin.organizations import find_organizations
from calscim.admin.plan_preview import Inspection, inspect
from calscim.admin.plan_views import PlanView
from calscim.admin.status import worst
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import lines, table
from calscim.cli.progress import progress
from calscim.cli.status import render_waiting_mappings
from calscim.cli.verbs import Verbs
from calscim.config import Settings
from calscim.exit_codes import ExitCode
from calscim.planner.render import held_text
from calscim.postgres.pool import Database
from calscim.wording import counted


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "plan",
        _plan,
        examples=("calscim plan", "calscim plan --with mappings.toml"),
        exits=(ExitCode.PENDING, ExitCode.HELD),
    )
    parser.add_argument("--organization", metavar="ORG", help="plan only this organization")
    parser.add_argument(
        "--with",
        dest="unsaved",
        type=Path,
        metavar="FILE",
        help="plan as if the mappings of this file, written like `calscim mapping export`, were saved too",
    )


async def _plan(command: Command) -> int:
    settings, path = command.settings(), command.arguments.unsaved
    tables = None if path is None else mapping_file.read(path)
    async with opened(settings) as db:
        edits = None
        if tables is not None:
            edits = await mapping_file.edits(settings, db, tables, await admin.mappings(db))
            if edits.remove:
                command.output.warn(
                    f"{counted(len(edits.remove), 'saved mapping')} not in {path}, but still in this plan: "
                    "`calscim mapping apply --dry-run` shows the plan without the mappings that the file lacks"
                )
            edits = replace(edits, remove=())
        return await show_plans(command, db, settings, command.arguments.organization, edits)


async def show_plans(
    command: Command,
    db: Database,
    settings: Settings,
    organization: str | None,
    edits: MappingEdits | None = None,
) -> int:
    """Print the plan of one organization or of all, and return the exit code of `calscim plan`.

    ``edits``: print the plan as if these edits of mappings were saved, and store nothing.
    """
    inspections: list[Inspection] = []
    for one in find_organizations(settings, organization):
        command.output.say(f"reading {one.name} …")
        with progress(command.output, f"reading {one.name}"):
            inspections.append(await inspect(db, settings, one, edits))
        if besides := _besides(inspections[-1]):
            command.output.say(f"{one.name}: {besides}")
    plans = [inspection.shown for inspection in inspections]
    command.output.data(
        plans, Group(*(Group(*_parts(plan, saved=edits is None)) for plan in plans))
    )
    if edits is not None:
        command.output.say("this was a preview: no mapping was saved, and nothing was changed")
    return worst([inspection.exit_code for inspection in inspections])


def _besides(preview: Inspection) -> str:
    """Return how a preview differs from the plan of the saved mappings."""
    parts = []
    if preview.already_planned:
        parts.append(
            f"{counted(preview.already_planned, 'change')} already planned without the preview"
        )
    if preview.no_longer_planned:
        parts.append(
            f"{counted(preview.no_longer_planned, 'change')} planned for now would not be made"
        )
    return "; ".join(parts)


def _parts(plan: PlanView, *, saved: bool) -> Iterator[RenderableType]:
    yield lines(f"{plan.organization}: {_summary(plan)}", style="bold")
    if plan.actions:
        yield table(
            ("", "action", "team", "person", "role", "because"),
            (
                (
                    action.state,
                    action.kind,
                    action.team or action.team_id,
                    action.person,
                    action.role,
                    action.because,
                )
                for action in plan.actions
            ),
        )
    then = (
        f"to approve: calscim approve {plan.hash}"
        if saved
        else "once the mappings are saved, it waits for `calscim approve`"
    )
    for guard in sorted({action.guard for action in plan.actions if action.guard}):
        yield lines(f"held: {guard}", f"  {then}", style="yellow")
    for wait in plan.waiting:
        yield lines(f"waiting: {wait.person}: {wait.reason}")
    yield from render_waiting_mappings(plan.waiting_mappings)
    if plan.seats is not None and plan.seats.difference:
        seats = plan.seats
        yield lines(
            f"seats: {counted(seats.now, 'member')} now, {seats.after:,} after ({seats.difference:+,})"
        )
    for note in plan.notes:
        yield lines(f"note: {note}")
    for reason in plan.incomplete:
        yield lines(f"not read: {reason}", style="red")


def _summary(plan: PlanView) -> str:
    """Return how many changes the plan has; ``in sync`` only if everything was read."""
    drift = sum(wait.kind is not None for wait in plan.waiting)
    said = []
    if plan.actions or drift or plan.incomplete:
        said.append(counted(len(plan.actions), "change"))
    said += [
        f"{number} of them {state}"
        for state in ("observed", "paused")
        if (number := sum(action.state == state for action in plan.actions))
    ]
    if plan.held_counts["sets"]:
        said.append(f"held: {held_text(plan.held_counts)}")
    if drift:
        said.append(f"{drift} more {'waits' if drift == 1 else 'wait'}")
    if plan.incomplete:
        said.append("not everything could be read")
    if plan.actions:
        said.append(f"plan {plan.hash}")
    return ", ".join(said) or "in sync"
