"""calscim plan, sync, approve, status, explain: what is to be done, and why."""

from calscim.cli.call import Call, Verbs
from calscim.errors import UsageError


def register(verbs: Verbs) -> None:
    plan = verbs.add("plan", _later, "read Cal.com, change nothing, print what is to be done")
    sync = verbs.add("sync", _later, "ask the running daemon for a full pass and wait for it")
    for parser in (plan, sync):
        parser.add_argument("--organization", metavar="ORG", help="one organization only")
    approve = verbs.add("approve", _later, "release exactly that held plan")
    approve.add_argument("hash", metavar="HASH", help="as `calscim plan` shows it")
    verbs.add("status", _later, "directories, last pass, drift, held, parked, budget, lease")
    explain = verbs.add("explain", _later, "why a person is or is not on a team")
    explain.add_argument("person", metavar="PERSON", help="userName, e-mail address or id")
    explain.add_argument("team", metavar="TEAM", nargs="?", help="id, slug or name")
    explain.add_argument("--organization", metavar="ORG", help="may be left out where there is one")


async def _later(_: Call) -> None:
    raise UsageError("not available yet")
