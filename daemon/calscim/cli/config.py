"""calscim config: show the configuration as calscim reads it."""

from calscim.cli.command import Command
from calscim.cli.output import table
from calscim.cli.verbs import Verbs
from calscim.config import effective


def register(verbs: Verbs) -> None:
    nouns = verbs.group("config")
    nouns.add(
        "show",
        _show,
        "show every key with its value, and where the value comes from",
        details="Secrets are shown as ***. A key without a value is off, or has no effect.",
        examples=("calscim config show", "calscim config show --json"),
    )


async def _show(command: Command) -> None:
    found = effective(command.configuration, command.environ)
    rows = ((one.key, _shown(one.value), one.source) for one in found)
    command.output.data(found, table(("key", "value", "from"), rows))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    return "none" if value is None else str(value)
