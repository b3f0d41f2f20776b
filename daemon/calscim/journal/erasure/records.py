"""What the journal says of people who were erased: which rows lost what, and what their users are called since.

docs/reference/journal.md defines the row (kind admin, path person.erase). Its effect is covered by the chain.
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
    """A user of an erased person: the name that stands for all theirs."""

    name: str
    managed: bool


@dataclass(slots=True)
class Erasures:
    """``named``: stream and seq -> body, effect or both. ``instead``: effects without the person, as text."""

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
        """Effects without the person, by seq."""
        return {seq: text for (one, seq), text in self.instead.items() if one == stream}

    def explains(self, stream: str, seq: int, column: str) -> bool:
        """Whether a body or effect may be missing."""
        return column in self.named.get((stream, seq), ())


def of(effects: Iterable[bytes | str]) -> Erasures:
    found = Erasures()
    for effect in effects:
        found.add(orjson.loads(effect))
    return found


async def load(connection: Connection) -> Erasures:
    """Those of which the database knows."""
    rows = await connection.fetch(sql("erasure.list"))
    return of(row["effect"] for row in rows)
