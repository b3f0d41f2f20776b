"""calscim plan, sync, approve, status, explain: what is to be done, and why."""

from functools import partial
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from calscim.cli.call import Call, Verbs
from calscim.cli.chosen import the_organization
from calscim.cli.database import opened
from calscim.cli.output import counted, fields, moment, table
from calscim.core.render import HELD, IN_STEP, PENDING, exit_code, plan_json
from calscim.service import approve as approving
from calscim.service import explain as explaining
from calscim.service.inspect import chosen, inspect
from calscim.service.organizations import windows
from calscim.service.status import status
from calscim.service.syncing import sync
from calscim.settings import Organization

STALE = 4
_LABELS = {"changed_seq": "journal", "seq": "journal", "cal_user_id": "Cal.com user"}
SHOWN = 50  # of what is parked and of those who wait, to a person


def register(verbs: Verbs) -> None:
    plan = verbs.add("plan", _plan, "read Cal.com, change nothing, print what is to be done")
    syncing = verbs.add("sync", _sync, "ask the running daemon for a full pass and wait for it")
    for parser in (plan, syncing):
        parser.add_argument("--organization", metavar="ORG", help="one organization only")
    approve = verbs.add("approve", _approve, "release exactly that held plan")
    approve.add_argument("hash", metavar="HASH", help="as `calscim plan` shows it")
    verbs.add("status", _status, "directories, last pass, drift, held, parked, budget, lease")
    explain = verbs.add("explain", _explain, "why a person is or is not on a team")
    explain.add_argument("person", metavar="PERSON", help="userName, e-mail address or id")
    explain.add_argument("team", metavar="TEAM", nargs="?", help="id, slug or name")
    explain.add_argument("--organization", metavar="ORG", help="may be left out where there is one")


async def _plan(call: Call) -> int:
    settings = call.settings()
    shown: list[RenderableType] = []
    values, codes = [], [IN_STEP]
    async with opened(settings) as db:
        for organization in chosen(settings, call.arguments.organization):
            call.output.say(f"reading {organization.name} …")
            found = await inspect(db, settings, organization)
            value = plan_json(found.plan, found.journal_seq, found.view.names)
            values.append(value)
            shown.append(_shown_plan(value))
            codes.append(exit_code(found.plan))
            if found.plan.incomplete:
                codes.append(1)
    call.output.data(values, Group(*shown))
    return _worst(codes)


def _worst(codes: list[int]) -> int:
    """An error first, then something held, then changes pending."""
    return 1 if 1 in codes else max(codes)


def _shown_plan(value: dict[str, Any]) -> RenderableType:
    parts: list[RenderableType] = [
        Text(f"{value['organization']}: {_counts(value)}", style="bold"),
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
                        action["email"],
                        action["role"],
                        action["because"],
                    )
                    for action in value["actions"]
                ),
            )
        )
    parts += [
        Text(f"held: {guard}\n  to let it happen: calscim approve {value['hash']}", style="yellow")
        for guard in sorted({action["guard"] for action in value["actions"] if action["guard"]})
    ]
    parts += [Text(f"waiting: {one['email']}: {one['reason']}") for one in value["waiting"]]
    parts += [Text(f"note: {note}") for note in value["notes"]]
    parts += [Text(f"not read: {reason}", style="red") for reason in value["incomplete"]]
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
    if early:
        said.append(f"{early} more to wait for")
    if value["incomplete"]:
        said.append("not everything could be read")
    if actions:
        said.append(f"plan {value['hash']}")
    return ", ".join(said) or "in step"


async def _sync(call: Call) -> int:
    settings = call.settings()
    codes = [IN_STEP]
    values = []
    async with opened(settings) as db:
        for organization in chosen(settings, call.arguments.organization):
            call.output.say(f"waiting for a full pass over {organization.name} …")
            answer = await sync(db, organization.name, partial(_say_progress, call, organization))
            report = answer.report or {}
            pending = report.get("pending") or report.get("unsettled")
            code = HELD if report.get("held") else PENDING if pending else IN_STEP
            codes.append(code if answer.complete else 1)
            values.append(
                {"organization": organization.name, "complete": answer.complete, **report}
            )
            for reason in report.get("incomplete", []):
                call.output.warn(f"{organization.name}: {reason}")
    rows = (
        (
            value["organization"],
            "complete" if value["complete"] else "incomplete",
            _succeeded(value.get("actions", {})),
            value.get("pending", 0),
            value.get("held", 0),
            value.get("waiting_total", 0),
        )
        for value in values
    )
    shown = table(("organization", "pass", "done#", "pending#", "held#", "waiting#"), rows)
    call.output.data(values, shown)
    return _worst(codes)


def _succeeded(outcomes: dict[str, int]) -> int:
    """``outcomes``: kind and outcome -> how many."""
    return sum(
        count
        for outcome, count in outcomes.items()
        if outcome.rpartition(" ")[2] in ("done", "already", "gone")
    )


def _say_progress(call: Call, organization: Organization, going: dict[str, Any]) -> None:
    call.output.say(f"{organization.name}: {_done(going)}")


def _done(going: dict[str, Any]) -> str:
    return f"{going['done']:,} of {going['of']:,} actions done{_left(going)}"


async def _approve(call: Call) -> int:
    settings = call.settings()
    async with opened(settings) as db:
        try:
            name = await approving.approve(
                db, settings, chosen(settings, None), call.arguments.hash
            )
        except approving.Stale as stale:
            call.output.say(f"calscim: {stale}")
            return STALE
    value = {"organization": name, "hash": call.arguments.hash, "approved": True}
    call.output.data(value, f"approved; the daemon of {name} carries it out in its next pass")
    return 0


async def _status(call: Call) -> None:
    settings = call.settings()
    async with opened(settings) as db:
        known = {one.name: windows(settings, one) for one in settings.organizations}
        value = await status(db, list(known), known)
    call.output.data(value, _shown_status(value))


def _shown_status(value: dict[str, Any]) -> RenderableType:
    parts: list[RenderableType] = [
        table(
            (
                "organization",
                "in step",
                "last complete pass",
                "pending#",
                "held#",
                "parked#",
                "waiting#",
                "daemon",
            ),
            (
                (
                    one["name"],
                    one["in_step"],
                    one["last_complete_pass"],
                    one["pending"],
                    len(one["held"]),
                    len(one["parked"]),
                    one["waiting_total"],
                    one["lease"]["holder"] if one["lease"] else "none holds the lease",
                )
                for one in value["organizations"]
            ),
        ),
        Text(),
        table(
            ("directory", "id", "organization", "users#", "groups#", "journal#", "state"),
            (
                (
                    one["name"],
                    one["id"],
                    one["organization"],
                    one["users"],
                    one["groups"],
                    one["journal_seq"],
                    _state(one),
                )
                for one in value["directories"]
            ),
        ),
    ]
    for one in value["organizations"]:
        parts += _troubles(one)
    return Group(*parts)


def _state(directory: dict[str, Any]) -> str:
    if not directory["paused"]:
        return "active"
    until = directory["paused_until"]
    return f"paused until {moment(until)}" if until else "paused"


def _troubles(one: dict[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if window := one["window"]:
        parts.append(
            Text(
                f"\n{one['name']}: Cal.com is left alone until {moment(window['until'])}: "
                f"maintenance window {window['window']}",
                style="yellow",
            )
        )
    if going := one["progress"]:
        parts.append(
            Text(
                f"\n{one['name']}: {_done(going)}",
                style="green",
            )
        )
    elif one["pending"] and one["seconds_left"]:
        left = counted(one["pending"], "action")
        parts.append(Text(f"\n{one['name']}: {left} left{_left(one)}"))
    if one["away"]:
        parts.append(Text(f"\n{one['name']}: {one['away']}", style="red"))
    parts += [Text(f"\nnot read: {reason}", style="red") for reason in one["incomplete"]]
    for held in one["held"]:
        people = ", ".join(sorted({action["email"] for action in held["actions"]})[:8])
        parts.append(
            Text(
                f"\nheld: {held['guard']}\n  {people}\n  calscim approve {held['hash']}",
                style="yellow",
            )
        )
    parts += [
        Text(
            f"parked: {entry['kind']} {entry['email']}: {entry['reason']} "
            f"(next try {moment(entry['next_try'])})"
        )
        for entry in one["parked"][:SHOWN]
    ]
    if (more := len(one["parked"]) - SHOWN) > 0:
        parts.append(Text(f"parked: {more:,} more: calscim parked list"))
    shown = one["waiting"][:SHOWN]
    parts += [Text(f"waiting: {entry['email']}: {entry['reason']}") for entry in shown]
    if more := one["waiting_total"] - len(shown):
        parts.append(Text(f"waiting: {more:,} more"))
    return parts


def _left(value: dict[str, Any]) -> str:
    """``, about 5 min left``; nothing when it is a matter of seconds."""
    minutes = round(value["seconds_left"] / 60)
    if minutes < 1:
        return ""
    hours, rest = divmod(minutes, 60)
    return f", about {hours} h {rest} min left" if hours else f", about {minutes} min left"


async def _explain(call: Call) -> None:
    settings = call.settings()
    organization = the_organization(settings, call.arguments.organization)
    async with opened(settings) as db:
        value = await explaining.explain(
            db, settings, organization, call.arguments.person, call.arguments.team
        )
    call.output.data(value, _shown_explanation(value))


def _shown_explanation(value: dict[str, Any]) -> RenderableType:
    parts: list[RenderableType] = [
        Text(value["because"], style="bold"),
        fields(
            [
                *(
                    (_LABELS.get(name, name.replace("_", " ")), text)
                    for name, text in value["person"].items()
                ),
                ("wanted as", value["desired"]),
                ("in Cal.com as", value["observed"]),
            ]
        ),
    ]
    if value["teams"]:
        columns = ("team", "wanted as", "in Cal.com as", "because")
        rows = (
            (one["name"], one["desired"], one["observed"], one["because"]) for one in value["teams"]
        )
        parts += [Text(), table(columns, rows)]
    if value["attributes"]:
        titles = ("attribute", "from", "wanted", "in Cal.com", "because")
        attributes = (
            (
                one["attribute"],
                one["from"],
                ", ".join(one["desired"]),
                None if one["observed"] is None else ", ".join(one["observed"]),
                one["because"],
            )
            for one in value["attributes"]
        )
        parts += [Text(), table(titles, attributes)]
    if value["sources"]:
        headings = ("group", "team", "role", "mode", "member since#", "left#", "unmapped#")
        sources = (
            (
                one["group"],
                one["team"],
                one["role"],
                one["mode"],
                one["member_since_seq"],
                one["left_seq"],
                one["unmapped_seq"],
            )
            for one in value["sources"]
        )
        parts += [Text(), table(headings, sources)]
    if value["actions"]:
        named = ("when", "action", "team", "outcome", "journal#", "because")
        actions = (
            (
                one["begun_at"],
                one["kind"],
                one["team"] or one["team_id"],
                one["outcome"],
                one["seq"],
                one["because"],
            )
            for one in value["actions"]
        )
        parts += [Text(), table(named, actions)]
    return Group(*parts)
