"""calscim sync: ask the running daemon for a full pass and wait for its result."""

from collections.abc import Iterator
from functools import partial

from calscim.admin.organizations import find_organizations
from calscim.admin.status import worst
from calscim.admin.sync import SyncDelay, SyncResult, sync
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.progress import progress
from calscim.cli.status import pending_text, progress_text
from calscim.cli.verbs import Verbs
from calscim.exit_codes import ExitCode
from calscim.planner.render import held_text
from calscim.wording import moment


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "sync",
        _sync,
        details="The exit code is the one of `calscim plan`, after the pass.",
        examples=("calscim sync", "calscim sync --organization acme --json"),
        exits=(ExitCode.PENDING, ExitCode.HELD),
    )
    parser.add_argument("--organization", metavar="ORG", help="sync only this organization")


async def _sync(command: Command) -> int:
    settings = command.settings()
    results: list[SyncResult] = []
    async with opened(settings) as db:
        for organization in find_organizations(settings, command.arguments.organization):
            name = organization.name
            command.output.say(f"waiting for a full pass over {name} …")
            with progress(command.output, f"{name}: full pass"):
                results.append(await sync(db, name, partial(_say_delay, command, name)))
            for reason in _unfinished(results[-1]):
                command.output.warn(f"{name}: {reason}")
    rows = (
        (
            result.organization,
            "complete" if result.complete else "incomplete",
            result.succeeded,
            result.pending,
            held_text(result.held_counts),
            result.waiting_total,
        )
        for result in results
    )
    shown = table(("organization", "pass", "done#", "pending#", "held#", "waiting#"), rows)
    command.output.data(results, shown)
    return worst([result.exit_code for result in results])


def _unfinished(result: SyncResult) -> Iterator[str]:
    """Yield what the pass could not do."""
    yield from result.incomplete
    if result.unreachable is not None and result.unreachable not in result.incomplete:
        yield f"Cal.com was not reachable: {result.unreachable}"
    if result.pending and result.seconds_left:
        yield pending_text(result.pending, result.seconds_left)


def _say_delay(command: Command, organization: str, delay: SyncDelay) -> None:
    """Say why the pass takes long. The rate limit comes first, because the daemon does nothing before it ends."""
    if delay.rate_limited_until is not None:
        until = moment(delay.rate_limited_until)
        said = f"Cal.com's rate limit is used up; the daemon goes on at {until}"
    elif delay.progress is not None:
        said = progress_text(delay.progress)
    elif delay.holder is not None:
        said = f"the daemon {delay.holder} is working on it"
    else:
        said = "no daemon holds the lease; waiting for a daemon to take it"
    command.output.say(f"{organization}: {said}")
