"""calscim status: how each organization and directory is, as the last passes left it."""

import shlex
from collections.abc import Iterable, Iterator
from functools import partial

from rich.console import Group, RenderableType

from calscim.admin.notifications import ChannelStatus
from calscim.admin.parked import ParkedAction
from calscim.admin.plan_views import LimitView
from calscim.admin.status import current_status, exit_status
from calscim.admin.status_view import (
    DirectoryStatus,
    HeldSet,
    OrganizationStatus,
    Progress,
    Retry,
    Status,
)
from calscim.admin.waiting_mappings import WaitingMapping
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import lines, table
from calscim.cli.pausing import state
from calscim.cli.status_watch import watch
from calscim.cli.times import a_positive_duration
from calscim.cli.verbs import Verbs
from calscim.errors import UsageError
from calscim.exit_codes import ExitCode
from calscim.planner.render import held_text
from calscim.wording import counted, moment

_SHOWN = 50  # parked actions and waiting people in the terminal
_NAMED = 8  # people of a held set


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "status",
        _status,
        details="Reads what the last passes stored; does not call Cal.com.",
        examples=(
            "calscim status",
            "calscim status --exit-code",
            "calscim status --watch --interval 10s",
        ),
        exits=(ExitCode.PENDING, ExitCode.HELD),
    )
    parser.add_argument(
        "--exit-code",
        action="store_true",
        help="exit by the last passes: 0 in sync, 2 changes pending, 3 something held, 1 error",
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="keep updating until Ctrl-C; with --json one line per update",
    )
    parser.add_argument(
        "--interval",
        type=a_positive_duration,
        metavar="2s",
        help="the time between two updates of --watch (default: 2s)",
    )


async def _status(command: Command) -> int:
    settings, arguments = command.settings(), command.arguments
    if arguments.interval is not None and not arguments.watch:
        raise UsageError("--interval is the time between two updates of --watch: add --watch")
    async with opened(settings) as db:
        if arguments.watch:
            look = partial(current_status, db, settings)
            code = await watch(command, look, render_status, arguments.interval)
            return code if arguments.exit_code else ExitCode.IN_SYNC
        found = await current_status(db, settings)
    command.output.data(found, render_status(found))
    return exit_status(found) if arguments.exit_code else ExitCode.IN_SYNC


def render_status(found: Status) -> RenderableType:
    """Return the tables of organizations and directories, then a line for each thing to know or do."""
    warnings = (
        token.warning
        for directory in found.directories
        for token in directory.tokens
        if token.warning is not None
    )
    return Group(
        _organizations(found.organizations),
        lines(),
        _directories(found.directories),
        *(lines("", warning, style="yellow") for warning in warnings),
        *(
            [lines("", f"the database takes no change: {found.database.reason}", style="red")]
            if found.database.reason is not None
            else []
        ),
        *(
            lines("", _failing(one), style="yellow")
            for one in found.notifications
            if one.is_failing or one.given_up
        ),
        *(line for directory in found.directories for line in _notes(directory)),
        *(line for organization in found.organizations for line in _details(organization)),
    )


def _organizations(organizations: Iterable[OrganizationStatus]) -> RenderableType:
    columns = (
        "organization",
        "in sync",
        "last complete pass",
        "pending#",
        "held#",
        "parked#",
        "waiting#",
        "daemon",
    )
    return table(
        columns,
        (
            (
                one.name,
                one.in_sync,
                one.last_complete_pass,
                one.pending,
                held_text(one.held_counts),
                len(one.parked),
                one.waiting_total,
                one.lease.holder if one.lease else "none holds the lease",
            )
            for one in organizations
        ),
    )


def _directories(directories: Iterable[DirectoryStatus]) -> RenderableType:
    columns = (
        "directory",
        "id",
        "organization",
        "users#",
        "groups#",
        "journal#",
        "state",
        "last request",
        "token expires",
    )
    return table(
        columns,
        (
            (
                one.name,
                one.id,
                one.organization,
                one.users,
                one.groups,
                one.journal_seq,
                state(one),
                one.last_request or "none yet",
                _token_end(one),
            )
            for one in directories
        ),
    )


def _token_end(directory: DirectoryStatus) -> str:
    if not directory.tokens:
        return "no valid token"
    ends = directory.token_expires_at
    return moment(ends) if ends is not None else "never"


def _failing(channel: ChannelStatus) -> str:
    lost = f", {channel.given_up} will never be delivered" if channel.given_up else ""
    failed = "" if channel.last_failed is None else f" at {moment(channel.last_failed)}"
    return (
        f"notifications: the channel {channel.channel} failed{failed}: {channel.last_failure}; "
        f"{channel.waiting} messages wait{lost}. `calscim notify test {channel.channel}` tries it"
    )


def _notes(directory: DirectoryStatus) -> Iterator[RenderableType]:
    """Yield why the daemon paused the directory, and what limits its requests."""
    if directory.paused_reason is not None:
        yield lines(
            "",
            f"{directory.name} is paused because {directory.paused_reason}: bring it up to date at the identity "
            "provider (docs/operations/backup.md), look at `calscim plan`, then run "
            f"`calscim directory resume {shlex.quote(directory.name)}`",
            style="yellow",
        )
    said = []
    if (rate := directory.requests_per_second) is not None:
        said.append(f"limit on requests a second: {rate}")
    if directory.throttled and directory.throttled_at is not None:
        said.append(
            f"{counted(directory.throttled, 'request')} got 429 or 503 because the identity provider sent too "
            f"many at once, the last at {moment(directory.throttled_at)}"
        )
    if said:
        yield lines("", f"{directory.name}: {'; '.join(said)}")


def _details(one: OrganizationStatus) -> Iterator[RenderableType]:
    for text, style in _activity(one):
        yield lines("", f"{one.name}: {text}", style=style)
    for reason in one.incomplete:
        if reason == one.unreachable:
            continue
        yield lines("", f"not read: {reason}", style="red")
    if one.retry is not None:
        yield lines("", f"{one.name}: {_retry(one.retry)}", style="yellow")
    yield from map(_held, one.held)
    yield from (lines(_limit(use)) for use in one.limits)
    yield from map(_parked, one.parked[:_SHOWN])
    if (more := len(one.parked) - _SHOWN) > 0:
        yield lines(f"parked: {more:,} more: calscim parked list")
    for wait in one.waiting[:_SHOWN]:
        yield lines(f"waiting: {wait.person}: {wait.reason}")
    if more := one.waiting_total - len(one.waiting[:_SHOWN]):
        yield lines(f"waiting: {more:,} more")
    yield from render_waiting_mappings(one.waiting_mappings)


def _activity(one: OrganizationStatus) -> Iterator[tuple[str, str]]:
    """Yield what the daemon does for the organization, or what keeps it from working, with a style."""
    if one.window is not None:
        until = "" if one.window.until is None else f" until {moment(one.window.until)}"
        yield (
            f"calscim leaves Cal.com alone{until}: maintenance window {one.window.window}",
            "yellow",
        )
    if one.progress is not None:
        yield progress_text(one.progress), "green"
    elif one.pending and one.seconds_left:
        yield pending_text(one.pending, one.seconds_left), ""
    if one.unreachable:
        since = (
            f"unreachable since {moment(one.unreachable_since)}: " if one.unreachable_since else ""
        )
        yield f"{since}{one.unreachable}", "red"
    if one.rate_limited_until:
        yield f"rate limited until {moment(one.rate_limited_until)}", "yellow"
    elif one.budget is not None and one.budget.resets_in > 0 and one.budget.is_low:
        left, of = one.budget.remaining, counted(one.budget.limit, "call")
        yield f"{left:,} of {of} to Cal.com left in this window of the rate limit", ""
    if one.standby:
        yield f"standby: {', '.join(one.standby)}", ""


def progress_text(progress: Progress) -> str:
    """Return how many actions are done, and how long the rest will take."""
    return f"{progress.done:,} of {progress.of:,} actions done{_time_left(progress.seconds_left)}"


def pending_text(pending: int, seconds_left: float) -> str:
    """Return how many actions are left to do, and how long they will take."""
    return f"{counted(pending, 'action')} pending{_time_left(seconds_left)}"


def _time_left(seconds: float) -> str:
    """Return ``, about 5 min left``, or an empty string if less than a minute is left."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return ""
    hours, rest = divmod(minutes, 60)
    return f", about {hours} h {rest} min left" if hours else f", about {minutes} min left"


def _held(held: HeldSet) -> RenderableType:
    """Return a set over a limit, its people, and the command that releases it."""
    people = sorted({action.person for action in held.actions})
    more = len(people) - _NAMED
    named = ", ".join(people[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    if held.approved:
        then = "approved: the daemon carries it out in its next pass"
    elif held.rejected_by is not None:
        why = f" ({held.rejected_because})" if held.rejected_because else ""
        then = f"rejected by {held.rejected_by}{why}: correct the groups, or calscim approve {held.hash}"
    elif held.approved_by:
        by = ", ".join(held.approved_by)
        then = f"approved by {by}; another person has to run: calscim approve {held.hash}"
    else:
        then = f"to approve: calscim approve {held.hash}"
    return lines("", f"held: {held.guard}", f"  {named}", f"  {then}", style="yellow")


def _parked(entry: ParkedAction) -> RenderableType:
    return lines(
        f"parked: {entry.kind} {entry.person}: {entry.reason} (next try {moment(entry.next_try)})"
    )


def render_waiting_mappings(mappings: Iterable[WaitingMapping]) -> list[RenderableType]:
    """Return a line for each mapping without a pushed group, with the pushed groups of a similar name."""
    return [
        lines(
            f"mapping {one.id} waits for a group called {one.group!r} in {one.directory}, "
            f"for the team {one.team}"
            + (f"; did you mean {' or '.join(map(repr, one.near))}?" if one.near else "")
        )
        for one in mappings
    ]


def _limit(use: LimitView) -> str:
    place = "" if use.team_id is None else f" on {use.team or use.team_id}"
    return f"limit: {use.limit}{place}: {use.used:,} of {use.allowed:,} used within the window"


def _retry(retry: Retry) -> str:
    said = f"next try at {moment(retry.next_try)}"
    if retry.since is None:
        return said
    waiting = counted(retry.changes, "pushed change")
    return f"{waiting} not in Cal.com since {moment(retry.since)}; {said}"
