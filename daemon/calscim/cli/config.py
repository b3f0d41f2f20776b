"""calscim config: show the configuration as calscim reads it."""

from calscim.cli.command import Command
from calscim.cli.output import Rows, table
from calscim.cli.verbs import Verbs
from calscim.config import EffectiveKey, effective, written
from calscim.errors import ConfigError


def register(verbs: Verbs) -> None:
    nouns = verbs.group("config")
    nouns.add(
        "show",
        _show,
        "show every key with its value, and where the value comes from",
        details="Secrets are shown as ***. A key without a value is off, or has no effect. If the configuration has "
        "problems, it shows what is written, then the problems, and exits with 78.",
        examples=("calscim config show", "calscim config show --json"),
    )


async def _show(command: Command) -> None:
    try:
        found = effective(command.configuration, command.environ)
    except ConfigError:
        found = written(command.configuration, command.environ)
        command.output.data(found, _table(found))
        command.output.say("", "These are the values as they are written; defaults are not shown.")
        raise
    command.output.data(found, _table(found))


def _table(found: list[EffectiveKey]) -> Rows:
    rows = ((one.key, _shown(one.value), one.source) for one in found)
    return table(("key", "value", "from"), rows)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    return "none" if value is None else str(value)
