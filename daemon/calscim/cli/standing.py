"""calscim sync, status: how each organization stands."""

from datetime import datetime
from functools import partial
from typing import Any

from rich.console import Group, RenderableType

from calscim.admin.plan_preview import chosen
from calscim.admin.status import exit_status, status
from calscim.admin.sync import sync
from calscim.cli.call import Call
from calscim.cli.database import opened
from calscim.cli.output import counted, lines, moment, table
from calscim.cli.verbs import Verbs
from calscim.config import Organization
from calscim.planner.render import HELD, IN_STEP, PENDING, held_json, held_text, who
from calscim.reconciler.from_settings import windows

SHOWN = 50  # of what is parked and of those who wait, to a person
NAMED = 8  # people of a held set
NOTHING_HELD = held_json([], 0)


def register(verbs: Verbs) -> None:
    syncing = verbs.add("sync", _sync)
    syncing.add_argument("--organization", metavar="ORG", help="one organization only")
    standing = verbs.add("status", _status)
    standing.add_argument(
        "--exit-code",
        action="store_true",
        help="0 in step, 2 changes pending, 3 something held, 1 error, by the last passes",
    )


def worst(codes: list[int]) -> int:
    """An error first, then something held, then changes pending."""
    return 1 if 1 in codes else max(codes)


async def _sync(call: Call) -> int:
    settings = call.settings()
    codes = [IN_STEP]
    values = []
    async with opened(settings) as db:
        for organization in chosen(settings, call.arguments.organization):
            call.output.say(f"waiting for a full pass over {organization.name} …")
            answer = await sync(db, organization.name, partial(_say_delay, call, organization))
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
            held_text(value.get("held_counts", NOTHING_HELD)),
            value.get("waiting_total", 0),
        )
        for value in values
    )
    shown = table(("organization", "pass", "done#", "pending#", "held#", "waiting#"), rows)
    call.output.data(values, shown)
    return worst(codes)


def _succeeded(outcomes: dict[str, int]) -> int:
    """``outcomes``: kind and outcome -> how many."""
    return sum(
        count
        for outcome, count in outcomes.items()
        if outcome.rpartition(" ")[2] in ("done", "already", "gone")
    )


def _say_delay(call: Call, organization: Organization, delay: dict[str, Any]) -> None:
    """Why the answer takes long; the rate limit first, as nothing goes on before its end."""
    if (until := delay["rate_limited_until"]) is not None:
        said = f"Cal.com's rate limit is used up; the daemon goes on at {moment(until)}"
    elif "done" in delay:
        said = _done(delay)
    elif delay["holder"] is not None:
        said = f"the daemon {delay['holder']} is at work"
    else:
        said = "no daemon holds the lease; waiting for one to take it"
    call.output.say(f"{organization.name}: {said}")


def _done(going: dict[str, Any]) -> str:
    return f"{going['done']:,} of {going['of']:,} actions done{_left(going)}"


async def _status(call: Call) -> int:
    settings = call.settings()
    async with opened(settings) as db:
        known = {one.name: windows(settings, one) for one in settings.organizations}
        value = await status(db, list(known), known)
    call.output.data(value, _shown_status(value))
    return exit_status(value) if call.arguments.exit_code else 0


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
                    one["in_sync"],
                    one["last_complete_pass"],
                    one["pending"],
                    held_text(one["held_counts"]),
                    len(one["parked"]),
                    one["waiting_total"],
                    one["lease"]["holder"] if one["lease"] else "none holds the lease",
                )
                for one in value["organizations"]
            ),
        ),
        lines(),
        table(
            (
                "directory",
                "id",
                "organization",
                "users#",
                "groups#",
                "journal#",
                "state",
                "last request",
                "token expires",
            ),
            (
                (
                    one["name"],
                    one["id"],
                    one["organization"],
                    one["users"],
                    one["groups"],
                    one["journal_seq"],
                    _state(one),
                    one["last_request"] or "none yet",
                    _token_end(one),
                )
                for one in value["directories"]
            ),
        ),
    ]
    parts += [
        lines("", token["warning"], style="yellow")
        for one in value["directories"]
        for token in one["tokens"]
        if token["warning"] is not None
    ]
    if (reason := value["database"]["reason"]) is not None:
        parts.append(lines("", f"the database takes no change: {reason}", style="red"))
    for directory in value["directories"]:
        parts += _limited(directory)
    for one in value["organizations"]:
        parts += _troubles(one)
    return Group(*parts)


def _limited(directory: dict[str, Any]) -> list[RenderableType]:
    said = []
    if (rate := directory["requests_per_second"]) is not None:
        said.append(f"limit on requests a second: {rate}")
    if directory["throttled"]:
        said.append(
            f"{directory['throttled']:,} request(s) were answered 429 or 503 because it asked for too much "
            f"at once, the last at {moment(directory['throttled_at'])}"
        )
    return [lines("", f"{directory['name']}: {'; '.join(said)}")] if said else []


def _state(directory: dict[str, Any]) -> str:
    if not directory["paused"]:
        return "active"
    until = directory["paused_until"]
    return f"paused until {moment(until)}" if until else "paused"


def _token_end(directory: dict[str, Any]) -> str:
    if not directory["tokens"]:
        return "no valid token"
    ends = directory["token_expires_at"]
    return moment(ends) if ends is not None else "never"


def _troubles(one: dict[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if window := one["window"]:
        parts.append(
            lines(
                "",
                f"{one['name']}: Cal.com is left alone until {moment(window['until'])}: "
                f"maintenance window {window['window']}",
                style="yellow",
            )
        )
    if going := one["progress"]:
        parts.append(
            lines(
                "",
                f"{one['name']}: {_done(going)}",
                style="green",
            )
        )
    elif one["pending"] and one["seconds_left"]:
        left = counted(one["pending"], "action")
        parts.append(lines("", f"{one['name']}: {left} left{_left(one)}"))
    if one["away"]:
        since = f"away since {moment(one['away_since'])}: " if one["away_since"] else ""
        parts.append(lines("", f"{one['name']}: {since}{one['away']}", style="red"))
    if one["rate_limited_until"]:
        until = moment(one["rate_limited_until"])
        parts.append(lines("", f"{one['name']}: rate limited until {until}", style="yellow"))
    if one["standby"]:
        parts.append(lines("", f"{one['name']}: standby: {', '.join(one['standby'])}"))
    parts += [lines("", f"not read: {reason}", style="red") for reason in one["incomplete"]]
    if retry := one["retry"]:
        parts.append(lines("", f"{one['name']}: {_retry(retry)}", style="yellow"))
    parts += [_held(held) for held in one["held"]]
    parts += [lines(_limit(use)) for use in one["limits"]]
    parts += [
        lines(
            f"parked: {entry['kind']} {who(entry)}: {entry['reason']} "
            f"(next try {moment(entry['next_try'])})"
        )
        for entry in one["parked"][:SHOWN]
    ]
    if (more := len(one["parked"]) - SHOWN) > 0:
        parts.append(lines(f"parked: {more:,} more: calscim parked list"))
    shown = one["waiting"][:SHOWN]
    parts += [lines(f"waiting: {who(entry)}: {entry['reason']}") for entry in shown]
    if more := one["waiting_total"] - len(shown):
        parts.append(lines(f"waiting: {more:,} more"))
    parts += waiting_for_groups(one["waiting_mappings"])
    return parts


def _held(held: dict[str, Any]) -> RenderableType:
    """A set over a limit, and the command that releases it."""
    people = sorted({who(action) for action in held["actions"]})
    named = ", ".join(people[:NAMED]) + (
        f" and {more:,} more" if (more := len(people) - NAMED) > 0 else ""
    )
    if held["approved"]:
        then = "approved: the daemon's next pass carries it out"
    elif held["approved_by"]:
        by = ", ".join(held["approved_by"])
        then = f"approved by {by}, needs another person: calscim approve {held['hash']}"
    else:
        then = f"calscim approve {held['hash']}"
    return lines("", f"held: {held['guard']}", f"  {named}", f"  {then}", style="yellow")


def waiting_for_groups(mappings: list[dict[str, Any]]) -> list[RenderableType]:
    """A line for each mapping that no pushed group answers, with the groups that may be meant."""
    return [
        lines(
            f"mapping {one['id']} waits for a group called {one['group']!r} in {one['directory']}, "
            f"for the team {one['team']}"
            + (f"; did you mean {' or '.join(map(repr, one['near']))}?" if one["near"] else "")
        )
        for one in mappings
    ]


def _limit(use: dict[str, Any]) -> str:
    """One limit of [guards], as far as the window has used it."""
    place = "" if use["team_id"] is None else f" on {use['team'] or use['team_id']}"
    return f"limit: {use['limit']}{place}: {use['used']:,} of {use['allowed']:,} used within the window"


def _retry(retry: dict[str, Any]) -> str:
    said = f"tried again at {moment(datetime.fromisoformat(retry['next_try']))}"
    if not retry["since"]:
        return said
    waiting = counted(retry["changes"], "pushed change")
    return (
        f"{waiting} not in Cal.com since {moment(datetime.fromisoformat(retry['since']))}; {said}"
    )


def _left(value: dict[str, Any]) -> str:
    """``, about 5 min left``; nothing when it is a matter of seconds."""
    minutes = round(value["seconds_left"] / 60)
    if minutes < 1:
        return ""
    hours, rest = divmod(minutes, 60)
    return f", about {hours} h {rest} min left" if hours else f", about {minutes} min left"
