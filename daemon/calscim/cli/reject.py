"""calscim reject: record that a held set is not wanted."""

from calscim.admin import approve as approving
from calscim.admin.organizations import find_organizations
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.verbs import Verbs
from calscim.exit_codes import ExitCode


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "reject",
        _reject,
        details="The set stays held, and notifications no longer remind of it. Correct the groups at the provider "
        "to end the hold; `calscim approve` releases the set after all.",
        examples=(
            "calscim reject 3f9c0a1b",
            'calscim reject 3f9c0a1b --reason "a rule in Okta was wrong, ticket 4712"',
        ),
        exits=(ExitCode.STALE,),
    )
    parser.add_argument("hash", metavar="HASH", help="the hash that `calscim status` prints")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the journal")


async def _reject(command: Command) -> int:
    settings, arguments = command.settings(), command.arguments
    organizations = find_organizations(settings, None)
    async with opened(settings) as db:
        try:
            found = await approving.reject(
                db, organizations, arguments.hash, command.editor(), arguments.reason.strip()
            )
        except approving.Stale as stale:
            command.output.say(f"calscim: {stale}")
            return ExitCode.STALE
    command.output.data(
        found,
        f"rejected; the set of {found.organization} stays held until the groups change, or until it is approved",
    )
    return 0
