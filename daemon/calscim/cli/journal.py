"""calscim journal: what happened, in order, and the proof that nobody changed it."""

from calscim.cli.call import Call, Verbs
from calscim.errors import UsageError


def register(verbs: Verbs) -> None:
    nouns = verbs.group("journal", "what happened, in order, provably")
    nouns.add("verify", _later, "walk the hash chain; exit 5 where it is broken")


async def _later(_: Call) -> None:
    raise UsageError("not available yet")
