"""calscim serve, run, demo: the daemon."""

from calscim.cli.call import Call, Verbs
from calscim.errors import UsageError


def register(verbs: Verbs) -> None:
    verbs.add("serve", _later, "run the daemon", data=False)
    run = verbs.add("run", _later, "serve with nothing prepared, to try it", data=False)
    run.add_argument("--data", metavar="DIR", help="where it keeps its data (default: ./var)")
    demo = verbs.add("demo", _later, "play a whole story and end", data=False)
    demo.add_argument(
        "--data", metavar="DIR", help="where it keeps its data (default: a new folder)"
    )


async def _later(_: Call) -> None:
    raise UsageError("not available yet")
