"""calscim team: Cal.com's teams."""

from calscim.cli.call import Call, Verbs
from calscim.errors import UsageError
from calscim.settings import Organization, Settings
from calscim.store.admin import TeamRef


def register(verbs: Verbs) -> None:
    nouns = verbs.group("team", "Cal.com's teams")
    listing = nouns.add("list", _list, "every team of the organizations")
    listing.add_argument("--organization", metavar="ORG", help="of one organization only")


async def find_team(_: Settings, __: Organization, wanted: str) -> TeamRef:
    """A team by id, slug or name."""
    raise UsageError(f"not available yet: {wanted}")


async def _list(_: Call) -> None:
    raise UsageError("not available yet")
