"""The keys that encrypt bodies in the journal, as operators see them."""

import base64
from dataclasses import dataclass, field
from datetime import datetime

from calscim import encryption
from calscim.config import Journal
from calscim.journal import history
from calscim.postgres.pool import Database


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key. ``key``: the secret in base64, which is shown only once."""

    key: str = field(repr=False)
    id: str


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A key that is configured, or that encrypted bodies. ``id`` None: bodies that are not encrypted.

    ``state``: present, old, missing, or not encrypted. ``first`` and ``last``: times of its rows.
    """

    id: str | None
    state: str
    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None


def create_key() -> NewKey:
    """Return a new random key. It is not stored."""
    key = encryption.new_key()
    return NewKey(base64.b64encode(key).decode(), encryption.key_id(key))


async def encryption_keys(db: Database, journal: Journal) -> list[EncryptionKey]:
    """Return the keys that encrypted bodies, in order of first use, then the configured keys that encrypted none."""
    states = _states(journal)
    used = await history.used_keys(db)
    found = [
        EncryptionKey(one.id, _state(one.id, states), one.rows, one.first, one.last) for one in used
    ]
    idle = [key for key in states if key not in {one.id for one in used}]
    return [*found, *(EncryptionKey(key, states[key]) for key in idle)]


def _state(key: str | None, states: dict[str, str]) -> str:
    return "not encrypted" if key is None else states.get(key, "missing")


def _states(journal: Journal) -> dict[str, str]:
    """Return the state of each configured key, by id."""
    states = {encryption.key_id(key): "old" for key in journal.old_keys}
    if journal.encryption_key is not None:
        states[encryption.key_id(journal.encryption_key)] = "present"
    return states
