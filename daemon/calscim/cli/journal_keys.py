"""calscim journal key and keys: the keys that encrypt bodies in the journal."""

from calscim.admin.journal_keys import create_key, encryption_keys
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import table
from calscim.cli.verbs import Verbs


def register(nouns: Verbs) -> None:
    nouns.add(
        "key",
        _key,
        "create a key to encrypt bodies with, for journal.encryption_key_file",
        examples=("calscim journal key > journal.key", "calscim journal key --json"),
    )
    nouns.add(
        "keys",
        _keys,
        "list the keys that encrypted bodies, and whether they are configured",
        examples=("calscim journal keys", "calscim journal keys --json"),
    )


async def _key(command: Command) -> None:
    made = create_key()
    command.output.data(made, made.key)
    command.output.say(
        f"its id is {made.id}: keep a copy elsewhere, because bodies cannot be read without their key"
    )


async def _keys(command: Command) -> None:
    settings = command.settings()
    async with opened(settings) as db:
        found = await encryption_keys(db, settings.journal)
    rows = ((one.id, one.state, one.rows, one.first, one.last) for one in found)
    command.output.data(found, table(("key", "state", "rows#", "first", "last"), rows))
