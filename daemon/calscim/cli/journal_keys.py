"""calscim journal key, keys: what bodies are sealed with."""

import base64

from calscim import encryption
from calscim.cli.call import Call
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.verbs import Verbs
from calscim.config import Journal
from calscim.journal import history


def register(nouns: Verbs) -> None:
    nouns.add("key", _key, "a new key to seal bodies with, for journal.encryption_key_file")
    nouns.add("keys", _keys, "the keys that bodies were sealed with, and whether they are held")


async def _key(call: Call) -> None:
    key = encryption.new_key()
    text, name = base64.b64encode(key).decode(), encryption.key_id(key)
    call.output.data({"key": text, "id": name}, text)
    call.output.say(
        f"its id is {name}: keep a copy elsewhere, without it nobody reads what it sealed"
    )


async def _keys(call: Call) -> None:
    settings = call.settings()
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
    call.output.data(value, shown)


def _states(journal: Journal) -> dict[str, str]:
    """By id, what the configuration says of each key."""
    states = {encryption.key_id(key): "old" for key in journal.old_keys}
    if journal.encryption_key is not None:
        states[encryption.key_id(journal.encryption_key)] = "present"
    return states
