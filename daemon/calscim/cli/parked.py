"""calscim parked: list the changes of Cal.com that failed, and retry them."""

from calscim.admin.organizations import find_organizations
from calscim.admin.parked import ParkedAction, list_parked, retry_parked
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.verbs import Verbs
from calscim.wording import counted


def register(verbs: Verbs) -> None:
    nouns = verbs.group("parked")
    listing = nouns.add(
        "list",
        _list,
        "list failed changes, why they failed, and their next try",
        examples=("calscim parked list", "calscim parked list --organization acme --json"),
    )
    retry = nouns.add(
        "retry",
        _retry,
        "retry all failed changes now, or those of one person",
        examples=("calscim parked retry", "calscim parked retry ann@acme.com"),
    )
    retry.add_argument(
        "person", metavar="EMAIL", nargs="?", default="", help="only the changes of this person"
    )
    for parser in (listing, retry):
        parser.add_argument("--organization", metavar="ORG", help="only this organization")


async def _list(command: Command) -> None:
    settings = command.settings()
    found: list[ParkedAction] = []
    async with opened(settings) as db:
        for organization in find_organizations(settings, command.arguments.organization):
            found += await list_parked(db, organization.name)
    columns = ("action", "person", "team#", "tries#", "next try", "because")
    rows = (
        (one.kind, one.email, one.team_id, one.attempts, one.next_try, one.reason) for one in found
    )
    command.output.data(found, table(columns, rows) if found else "nothing is parked")


async def _retry(command: Command) -> None:
    settings = command.settings()
    counts = {}
    async with opened(settings) as db:
        for organization in find_organizations(settings, command.arguments.organization):
            name = organization.name
            counts[name] = await retry_parked(
                db, name, command.arguments.person, editor=command.editor()
            )
    if total := sum(counts.values()):
        said = f"the daemon retries {counted(total, 'change')} in its next pass"
    else:
        of = f" of {command.arguments.person}" if command.arguments.person else ""
        said = f"nothing{of} is parked: see `calscim parked list`"
    command.output.data(counts, said)
