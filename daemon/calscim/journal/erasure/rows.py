"""Finds the journal rows that contain a person's data, and what can be erased of each.

A row of the person's users loses its body and its effect, except that a deletion keeps its effect, which is an id. Any
other row that names the person loses its body, and its effect unless a rebuild needs it. A group effect that names the
person among its unknown members is replaced by one without them.

The hash covers path, resource_id, request_id and remote directly, so that these columns cannot change. ``stays`` lists
the rows in which one of them names the person; rows of this release have only ids there.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import asyncpg
import orjson

from calscim.encryption import Cipher
from calscim.journal.archive import file
from calscim.journal.erasure.identifiers import Identifiers
from calscim.journal.erasure.records import PATH
from calscim.names import address_key
from calscim.postgres.pool import Connection
from calscim.postgres.queries import sql

_BATCH = 500
_COVERED = ("path", "resource_id", "request_id", "remote")  # by the hash, so that they stay
_TABLES = frozenset({"scim", "import"})  # the kinds that a rebuild applies


@dataclass(slots=True)
class Rows:
    """Rows by stream. ``instead``: group effects without their unknown members.

    ``stays``: rows that name the person in columns that the hash covers.
    ``others``: other users whose data name the person.
    """

    body: dict[str, list[int]] = field(default_factory=dict)
    effect: dict[str, list[int]] = field(default_factory=dict)
    instead: dict[str, list[int]] = field(default_factory=dict)
    stays: list[tuple[str, int, tuple[str, ...]]] = field(default_factory=list)
    others: set[str] = field(default_factory=set)

    def count(self) -> int:
        """Return the number of rows that lose a body or an effect."""
        named = {
            (stream, seq)
            for one in (self.body, self.effect)
            for stream in one
            for seq in one[stream]
        }
        return len(named)

    def sort(self) -> None:
        for column in (self.body, self.effect):
            for numbers in column.values():
                numbers.sort()
        self.stays.sort()

    def streams(self) -> set[str]:
        return self.body.keys() | self.effect.keys()

    def named(self, streams: Collection[str]) -> dict[str, dict[str, list[int]]]:
        """Return the rows in the form of the erasure row."""
        return {
            stream: {"body": self.body.get(stream, []), "effect": self.effect.get(stream, [])}
            for stream in sorted(self.streams() & set(streams))
        }


@dataclass(frozen=True, slots=True)
class Search:
    """A search for a person. ``ids``: the person's users; ``who``: identifiers that no other user has."""

    ids: frozenset[str]
    who: Identifiers
    cipher: Cipher

    async def look(self, connection: Connection, streams: Collection[str], found: Rows) -> None:
        """Add all matching rows of these streams, in the caller's transaction. Reads the whole journal."""
        cursor = await connection.cursor(
            sql("erasure.list_candidates"), list(streams), sorted(self.ids), self.who.needles()
        )
        while batch := await cursor.fetch(_BATCH):
            for row in batch:
                self._judge(row, found)
        found.sort()

    async def look_since(
        self, connection: Connection, after: Mapping[str, int], found: Rows
    ) -> None:
        """Add the matching rows after the given sequence numbers: a few rows, read while the heads are locked."""
        for stream, seq in after.items():
            for row in await connection.fetch(sql("erasure.list_new_rows"), stream, seq):
                self._judge(row, found)

    def speaks(self, line: Mapping[str, Any]) -> bool:
        """Return True if a row of an archive contains the person's data."""
        if line["path"] == PATH:
            return False
        body, effect = file.content(line, "body"), file.content(line, "effect")
        if line["resource_type"] == "User" and line["resource_id"] in self.ids:
            deleted = effect is not None and orjson.loads(effect).get("op") == "user.delete"
            return body is not None or (effect is not None and not deleted)
        return (body is not None and self._in_body(body)) or (
            effect is not None and self.who.speaks(effect)
        )

    def _in_body(self, body: bytes) -> bool:
        content = self.cipher.decrypt(body)
        return self.who.speaks(content) or self.who.refers(content)

    def _judge(self, row: asyncpg.Record, found: Rows) -> None:
        stream, seq = row["stream"], row["seq"]
        theirs = row["resource_type"] == "User" and row["resource_id"] in self.ids
        body = row["body"]
        if body is not None and (theirs or self._in_body(body)):
            found.body.setdefault(stream, []).append(seq)
        if row["effect"] is not None:
            self._judge_effect(row, found, theirs=theirs)
        named = tuple(name for name in _COVERED if self.who.in_text(unquote(row[name])))
        if named:
            found.stays.append((stream, seq, named))

    def _judge_effect(self, row: asyncpg.Record, found: Rows, *, theirs: bool) -> None:
        stream, seq, effect = row["stream"], row["seq"], orjson.loads(row["effect"])
        replayed = row["kind"] in _TABLES or effect.get("op") == "user.delete"
        if theirs:
            gone = effect.get("op") != "user.delete"
        elif not replayed:
            gone = effect.get("user_id") in self.ids or self.who.speaks(row["effect"])
        elif effect.get("op") == "group.put":
            gone = any(self._names(value) for value in effect["skipped"])
            if gone:
                found.instead.setdefault(stream, []).append(seq)
        else:
            gone = False
            if self.who.speaks(row["effect"]):
                found.others.add(row["resource_id"])
        if gone:
            found.effect.setdefault(stream, []).append(seq)

    def _names(self, value: str) -> bool:
        return self.who.in_text(value) or address_key(value) in self.who.words
