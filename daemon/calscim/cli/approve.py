"""calscim approve: release exactly one held plan."""

from calscim.admin import approve as approving
from calscim.admin.approvals import Approval
from calscim.admin.organizations import find_organizations
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.verbs import Verbs
from calscim.exit_codes import ExitCode


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "approve",
        _approve,
        details="If no held plan has this hash any more, look at `calscim plan` again.",
        examples=(
            "calscim approve 3f9c0a1b",
            'calscim approve 3f9c0a1b --reason "layoffs, ticket 4711"',
        ),
        exits=(ExitCode.STALE,),
    )
    parser.add_argument("hash", metavar="HASH", help="the hash that `calscim plan` prints")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the journal")


async def _approve(command: Command) -> int:
    settings = command.settings()
    async with opened(settings) as db:
        try:
            found = await approving.approve(
                db,
                settings,
                find_organizations(settings, None),
                command.arguments.hash,
                command.editor(),
                command.arguments.reason.strip(),
            )
        except approving.Stale as stale:
            command.output.say(f"calscim: {stale}")
            return ExitCode.STALE
    command.output.data(found.view(command.arguments.hash), _said(found))
    return 0


def _said(found: Approval) -> str:
    if found.released:
        return f"approved; the daemon of {found.organization} carries it out in its next pass"
    return (
        f"approved by {', '.join(found.people)}: {len(found.people)} of {found.needed} that guards.approvals asks "
        "for. Nothing is released yet: another person has to run the same command"
    )
