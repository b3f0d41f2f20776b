"""The erasure rows of the journal: the rows that lost bodies or effects, and the placeholders of erased users.

docs/reference/journal.md defines the row (kind admin, path person.erase). The chain covers its effect.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from calscim.postgres.pool import Connection
from calscim.postgres.queries import sql

KIND, PATH = "admin", "person.erase"


@dataclass(frozen=True, slots=True)
class Erased:
    """An erased user: the placeholder for all its names."""

    name: str
    managed: bool


@dataclass(slots=True)
class Erasures:
    """All erasures. ``named``: stream and seq -> erased columns; ``instead``: effects without the person, as text."""

    named: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    users: dict[str, Erased] = field(default_factory=dict)
    instead: dict[tuple[str, int], str] = field(default_factory=dict)

    def add(self, effect: Mapping[str, Any]) -> None:
        for stream, columns in effect["rows"].items():
            for column, numbers in columns.items():
                for seq in numbers:
                    before = self.named.get((stream, seq), frozenset())
                    self.named[stream, seq] = before | {column}
        for stream, texts in effect["instead"].items():
            for seq, text in texts.items():
                self.instead[stream, int(seq)] = text
        for user in effect["users"]:
            self.users[user["id"]] = Erased(effect["name"], user["managed"])

    def of_stream(self, stream: str) -> dict[int, str]:
        """Return the effects without the person, by sequence number."""
        return {seq: text for (one, seq), text in self.instead.items() if one == stream}

    def explains(self, stream: str, seq: int, column: str) -> bool:
        """Return True if a body or effect was erased."""
        return column in self.named.get((stream, seq), ())


def of(effects: Iterable[bytes | str]) -> Erasures:
    found = Erasures()
    for effect in effects:
        found.add(orjson.loads(effect))
    return found


async def load(connection: Connection) -> Erasures:
    """Load all erasures from the database."""
    rows = await connection.fetch(sql("erasure.list"))
    return of(row["effect"] for row in rows)
