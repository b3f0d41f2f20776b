"""calscim parked: what did not succeed, and trying it again."""

from typing import Any

from calscim.admin.plan_preview import chosen
from calscim.cli.call import Call
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.verbs import Verbs
from calscim.reconciler.state import retries, runs


def register(verbs: Verbs) -> None:
    nouns = verbs.group("parked")
    listing = nouns.add("list", _list, "what waits, why, and until when")
    retry = nouns.add("retry", _retry, "try everything again now, or all of one person's")
    retry.add_argument("person", metavar="EMAIL", nargs="?", default="", help="one person's only")
    for parser in (listing, retry):
        parser.add_argument("--organization", metavar="ORG", help="one organization only")


async def _list(call: Call) -> None:
    settings = call.settings()
    value: list[dict[str, Any]] = []
    async with opened(settings) as db:
        for organization in chosen(settings, call.arguments.organization):
            value += [
                {
                    "organization": organization.name,
                    "kind": entry.key.action,
                    "email": entry.email,
                    "team_id": entry.key.team,
                    "reason": entry.reason,
                    "attempts": entry.attempts,
                    "since": entry.since,
                    "next_try": entry.next_try,
                }
                for entry in (await retries.parked(db, organization.name)).values()
            ]
    columns = ("action", "person", "team#", "tries#", "next try", "because")
    names = ("kind", "email", "team_id", "attempts", "next_try", "reason")
    call.output.data(value, table(columns, ([row[name] for name in names] for row in value)))


async def _retry(call: Call) -> None:
    settings = call.settings()
    counts = {}
    async with opened(settings) as db:
        for organization in chosen(settings, call.arguments.organization):
            name = organization.name
            counts[name] = await retries.retry(db, name, call.arguments.person)
            if counts[name]:
                await runs.ask(db, name)
    total = sum(counts.values())
    call.output.data(counts, f"{total} to be tried again in the daemon's next pass")
