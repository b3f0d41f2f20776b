"""calscim plan, approve: what is to be done, and what of it is released."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType

from calscim import admin
from calscim.admin import MappingEdits
from calscim.admin import approve as approving
from calscim.admin.approvals import Approval
from calscim.admin.plan_preview import chosen, inspect
from calscim.cli import mapping_tables
from calscim.cli.call import Call
from calscim.cli.database import opened
from calscim.cli.output import counted, lines, table
from calscim.cli.standing import waiting_for_groups, worst
from calscim.cli.verbs import Verbs
from calscim.config import Settings
from calscim.planner.plan import Plan
from calscim.planner.render import IN_STEP, action_json, exit_code, held_text, plan_json, who
from calscim.postgres.pool import Database
from calscim.reconciler.approvals import identity

STALE = 4


def register(verbs: Verbs) -> None:
    plan = verbs.add("plan", _plan)
    plan.add_argument("--organization", metavar="ORG", help="one organization only")
    plan.add_argument(
        "--with",
        dest="unsaved",
        type=Path,
        metavar="FILE",
        help="also with the mappings of a file, as `calscim mapping export` writes it; saves nothing",
    )
    approve = verbs.add("approve", _approve)
    approve.add_argument("hash", metavar="HASH", help="as `calscim plan` shows it")
    approve.add_argument("--reason", default="", metavar="TEXT", help="why, for the journal")


async def _plan(call: Call) -> int:
    settings, path = call.settings(), call.arguments.unsaved
    tables = None if path is None else mapping_tables.read(path)
    async with opened(settings) as db:
        edits = None
        if tables is not None:
            present = await admin.mappings(db)
            edits = await mapping_tables.edits(settings, db, tables, present)
            if edits.remove:
                call.output.warn(
                    f"{counted(len(edits.remove), 'saved mapping')} not in {path}, and planned for all the same: "
                    "`calscim mapping apply --dry-run` shows the plan without what the file does not have"
                )
            edits = replace(edits, remove=())
        return await show_plans(call, db, settings, call.arguments.organization, edits)


async def show_plans(
    call: Call,
    db: Database,
    settings: Settings,
    organization: str | None,
    edits: MappingEdits | None = None,
) -> int:
    """Print the plan of the organization of that name, or of all; returns the exit code of `calscim plan`.

    ``edits``: the plan as it would be if these edits of mappings were saved. Nothing is stored then.
    """
    shown: list[RenderableType] = []
    values, codes = [], [IN_STEP]
    for one in chosen(settings, organization):
        call.output.say(f"reading {one.name} …")
        found = await inspect(db, settings, one, edits)
        value = plan_json(found.plan, found.journal_seq, found.view.names)
        value["waiting_mappings"] = found.waiting_mappings
        values.append(value)
        shown.append(_shown_plan(value, saved=edits is None))
        codes.append(exit_code(found.plan))
        if found.plan.incomplete:
            codes.append(1)
        if found.saved is not None and (besides := _besides(found.plan, found.saved)):
            call.output.say(f"{one.name}: {besides}")
    call.output.data(values, Group(*shown))
    if edits is not None:
        call.output.say("this was a preview: no mapping was saved, and nothing was changed")
    return worst(codes)


def _besides(planned: Plan, saved: Plan) -> str:
    """How much of a preview is planned for in any case, and what would not be planned for any more."""
    then, now = _named(planned), _named(saved)
    parts = []
    if then & now:
        parts.append(f"{counted(len(then & now), 'change')} already planned without the preview")
    if now - then:
        parts.append(f"{counted(len(now - then), 'change')} planned for now would not be made")
    return "; ".join(parts)


def _named(plan: Plan) -> set[tuple[Any, ...]]:
    """The actions of a plan, to be compared with those of another one of the same world."""
    shown = [action_json(action) for action in plan.actions]
    return {(*identity(one), one["team"], one["role"], one["state"]) for one in shown}


def _shown_plan(value: dict[str, Any], *, saved: bool = True) -> RenderableType:
    parts: list[RenderableType] = [
        lines(f"{value['organization']}: {_counts(value)}", style="bold"),
    ]
    if value["actions"]:
        parts.append(
            table(
                ("", "action", "team", "person", "role", "because"),
                (
                    (
                        action["state"],
                        action["kind"],
                        action["team"] or action["team_id"],
                        who(action),
                        action["role"],
                        action["because"],
                    )
                    for action in value["actions"]
                ),
            )
        )
    then = (
        f"to let it happen: calscim approve {value['hash']}"
        if saved
        else "once the mappings are saved, it waits for `calscim approve`"
    )
    parts += [
        lines(f"held: {guard}", f"  {then}", style="yellow")
        for guard in sorted({action["guard"] for action in value["actions"] if action["guard"]})
    ]
    parts += [lines(f"waiting: {who(one)}: {one['reason']}") for one in value["waiting"]]
    parts += waiting_for_groups(value["waiting_mappings"])
    if (seats := value["seats"]) is not None and seats["difference"]:
        parts.append(
            lines(
                f"seats: {counted(seats['now'], 'member')} now, {seats['after']:,} after "
                f"({seats['difference']:+,})"
            )
        )
    parts += [lines(f"note: {note}") for note in value["notes"]]
    parts += [lines(f"not read: {reason}", style="red") for reason in value["incomplete"]]
    return Group(*parts)


def _counts(value: dict[str, Any]) -> str:
    """How much there is to do; ``in step`` only where everything was read."""
    actions = value["actions"]
    early = sum("kind" in one for one in value["waiting"])
    said = [counted(len(actions), "change")] if actions or early or value["incomplete"] else []
    said += [
        f"{number} of them {state}"
        for state in ("observed", "paused")
        if (number := sum(action["state"] == state for action in actions))
    ]
    if value["held_counts"]["sets"]:
        said.append(f"held: {held_text(value['held_counts'])}")
    if early:
        said.append(f"{early} more to wait for")
    if value["incomplete"]:
        said.append("not everything could be read")
    if actions:
        said.append(f"plan {value['hash']}")
    return ", ".join(said) or "in step"


async def _approve(call: Call) -> int:
    settings = call.settings()
    async with opened(settings) as db:
        try:
            found = await approving.approve(
                db,
                settings,
                chosen(settings, None),
                call.arguments.hash,
                call.editor(),
                call.arguments.reason.strip(),
            )
        except approving.Stale as stale:
            call.output.say(f"calscim: {stale}")
            return STALE
    value = {
        "organization": found.organization,
        "hash": call.arguments.hash,
        "approved": found.released,
        "approved_by": found.people,
        "needed": found.needed,
        "journal": [{"stream": f"@{found.organization}", "seq": seq} for seq in found.seqs],
    }
    call.output.data(value, _said(found))
    return 0


def _said(found: Approval) -> str:
    if found.released:
        return f"approved; the daemon of {found.organization} carries it out in its next pass"
    return (
        f"approved by {', '.join(found.people)}: {len(found.people)} of {found.needed} that guards.approvals asks "
        "for. Nothing is released yet: another person has to run the same command"
    )
