"""calscim sim: the simulated Cal.com, alone."""

from calscim.cli.call import Call, Verbs
from calscim.errors import UsageError


def register(verbs: Verbs) -> None:
    nouns = verbs.group("sim", "simulators to try calscim against")
    nouns.add("calcom", _later, "a Cal.com that forgets everything when it ends", data=False)


async def _later(_: Call) -> None:
    raise UsageError("not available yet")
