"""calscim check: is everything as it has to be before serving."""

from calscim.cli.call import Call, Verbs
from calscim.errors import UsageError


def register(verbs: Verbs) -> None:
    verbs.add("check", _check, "configuration, database, schema, each organization's API key")


async def _check(_: Call) -> None:
    raise UsageError("not available yet")
