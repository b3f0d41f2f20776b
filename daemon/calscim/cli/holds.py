"""calscim approve and reject: release a held set, or record that it is not wanted."""

from calscim.admin.approvals import Approval
from calscim.admin.approve import approve, reject
from calscim.admin.organizations import find_organizations
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.verbs import Verbs
from calscim.exit_codes import ExitCode


def register(verbs: Verbs) -> None:
    approving = verbs.add(
        "approve",
        _approve,
        details="Exits with 4 if no held plan has this hash: run `calscim plan` again.",
        examples=(
            "calscim approve 3f9c0a1b",
            'calscim approve 3f9c0a1b --reason "layoffs, ticket 4711"',
        ),
        exits=(ExitCode.STALE,),
    )
    rejecting = verbs.add(
        "reject",
        _reject,
        details="The set stays held, and notifications no longer remind of it. Correct the groups at the provider "
        "to end the hold; you can still release the set with `calscim approve`.",
        examples=(
            "calscim reject 3f9c0a1b",
            'calscim reject 3f9c0a1b --reason "a rule in Okta was wrong, ticket 4712"',
        ),
        exits=(ExitCode.STALE,),
    )
    for parser, source in ((approving, "plan"), (rejecting, "status")):
        parser.add_argument("hash", metavar="HASH", help=f"the hash that `calscim {source}` prints")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the journal")


async def _approve(command: Command) -> None:
    settings, arguments = command.settings(), command.arguments
    organizations, reason = find_organizations(settings, None), arguments.reason.strip()
    async with opened(settings) as db:
        found = await approve(db, settings, organizations, arguments.hash, command.editor(), reason)
    command.output.data(found, _said(found))


def _said(found: Approval) -> str:
    if found.approved:
        return f"approved; the daemon of {found.organization} carries it out in its next pass"
    people = found.approved_by
    return (
        f"approved by {', '.join(people)}: {len(people)} of {found.needed} that guards.approvals asks "
        "for. Nothing is released yet: another person has to run the same command"
    )


async def _reject(command: Command) -> None:
    settings, arguments = command.settings(), command.arguments
    organizations, reason = find_organizations(settings, None), arguments.reason.strip()
    async with opened(settings) as db:
        found = await reject(db, organizations, arguments.hash, command.editor(), reason)
    command.output.data(
        found,
        f"rejected; the set of {found.organization} stays held until the groups change, or until it is approved",
    )
