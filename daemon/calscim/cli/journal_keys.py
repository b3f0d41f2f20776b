"""calscim journal key and keys: the keys that seal bodies (encrypt them) in the journal."""

import base64

from calscim import encryption
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.verbs import Verbs
from calscim.config import Journal
from calscim.journal import history


def register(nouns: Verbs) -> None:
    nouns.add(
        "key",
        _key,
        "create a key to seal bodies with, for journal.encryption_key_file",
        examples=("calscim journal key > journal.key", "calscim journal key --json"),
    )
    nouns.add(
        "keys",
        _keys,
        "list the keys that sealed bodies, and whether they are configured",
        examples=("calscim journal keys", "calscim journal keys --json"),
    )


async def _key(command: Command) -> None:
    key = encryption.new_key()
    text, name = base64.b64encode(key).decode(), encryption.key_id(key)
    command.output.data({"key": text, "id": name}, text)
    command.output.say(
        f"its id is {name}: keep a copy elsewhere, because bodies cannot be read without their key"
    )


async def _keys(command: Command) -> None:
    settings = command.settings()
    states = _states(settings.journal)
    async with opened(settings) as db:
        used = {one.id: one for one in await history.used_keys(db)}
    value = [
        {
            "id": name,
            "state": "not sealed" if name is None else states.get(name, "missing"),
            "rows": used[name].rows if name in used else 0,
            "first": used[name].first if name in used else None,
            "last": used[name].last if name in used else None,
        }
        for name in [*used, *(name for name in states if name not in used)]
    ]
    shown = table(("key", "state", "rows#", "first", "last"), [list(row.values()) for row in value])
    command.output.data(value, shown)


def _states(journal: Journal) -> dict[str, str]:
    """Return the state of each configured key, by id."""
    states = {encryption.key_id(key): "old" for key in journal.old_keys}
    if journal.encryption_key is not None:
        states[encryption.key_id(journal.encryption_key)] = "present"
    return states
