"""Replaces an erased person's data in the other tables with a placeholder.

Ids, accounts, teams and outcomes stay, as the reconciler needs them.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson

from calscim.journal.erasure import events
from calscim.journal.erasure.rows import Search
from calscim.postgres.pool import Connection
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables, in the caller's transaction. ``name``: the placeholder."""

    connection: Connection
    search: Search
    name: str
    organization: str | None

    async def count(self) -> dict[str, int]:
        """Return the number of rows of each table that would change."""
        found: dict[str, int] = {}
        async for table, _ in self._changes():
            found[table] = found.get(table, 0) + 1
        return found

    async def redact_texts(self) -> dict[str, int]:
        """Redact rows that name the person, and return their number per table. Reads whole tables."""
        found: dict[str, int] = {}
        for table, values in [change async for change in self._changes()]:
            await self.connection.execute(sql(f"erasure.redact_{table}"), *values)
            found[table] = found.get(table, 0) + 1
        return found

    async def redact_users(self) -> dict[str, int]:
        """Redact the rows of the person's users, which are deleted by now. Fast."""
        ids = sorted(self.search.ids)
        found: dict[str, int] = {}
        for table in ("tombstones", "opening_balances"):
            changed = await self.connection.fetch(sql(f"erasure.redact_{table}"), ids, self.name)
            found[table] = len(changed)
        for table in ("applied_attributes", "account_links", "former_accounts"):
            deleted = await self.connection.fetch(sql(f"erasure.delete_{table}"), ids)
            found[table] = len(deleted)
        return found

    async def _changes(self) -> AsyncIterator[tuple[str, tuple[Any, ...]]]:
        """Yield the table of each row that changes, and the arguments of its query."""
        ids, addresses = sorted(self.search.ids), sorted(self.search.who.addresses)
        runs = self.search.who.runs()
        both, text = (ids, runs, self.organization), (runs, self.organization)
        for row in await self.connection.fetch(sql("erasure.find_actions"), *both):
            clean = self._clean_theirs if row["theirs"] else self._clean
            email = self.name if row["theirs"] else clean(row["email"])
            because = clean(row["because"])
            if row["theirs"]:  # values of the person's attributes
                because = _QUOTED.sub('"…"', because)
            values = (email, because, clean(row["detail"]))
            if values != (row["email"], row["because"], row["detail"]):
                yield "actions", (row["id"], *values)
        for row in await self.connection.fetch(sql("erasure.find_parked_actions"), *both):
            clean = self._clean_theirs if row["theirs"] else self._clean
            email = self.name if row["theirs"] else clean(row["email"])
            why = clean(row["reason"])
            if (email, why) != (row["email"], row["reason"]):
                key = (row["organization"], row["kind"], row["subject"], row["team_id"])
                yield "parked_actions", (*key, email, why)
        for row in await self.connection.fetch(sql("erasure.find_events"), *both):
            data = events.without_person(row["data"]) if row["theirs"] else None
            data = self._clean_json(row["data"]) if data is None else data
            if data != row["data"]:
                yield "events", (row["seq"], data)
        for table, keys, column, wanted, clean in (
            ("holds", ("organization", "hash"), "actions", (*text, ids), self._clean_json),
            (
                "drift_observations",
                ("organization", "digest"),
                "email",
                (addresses, self.organization),
                self._clean,
            ),
            ("notifications", ("id",), "payload", (*text, ids), self._clean_json),
            ("reconcile_passes", ("id",), "report", (*text, ids), self._clean_json),
            ("sync_requests", ("id",), "detail", text, self._clean),
        ):
            for row in await self.connection.fetch(sql(f"erasure.find_{table}"), *wanted):
                cleaned = clean(row[column])
                if cleaned != row[column]:
                    yield table, (*(row[key] for key in keys), cleaned)

    def _clean(self, text: str) -> str:
        return self.search.who.without(text, self.name)

    def _clean_theirs(self, text: str) -> str:
        """Return a text about the person without any identifier."""
        return self.search.who.without_any(text, self.name)

    def _clean_json(self, text: str) -> str:
        value = orjson.loads(text)
        cleaned = self._cleaned(value, theirs=False)
        return text if cleaned == value else orjson.dumps(cleaned).decode()

    def _cleaned(self, value: Any, *, theirs: bool) -> Any:
        if isinstance(value, str):
            return self._clean_theirs(value) if theirs else self._clean(value)
        if isinstance(value, list):
            return [self._cleaned(part, theirs=theirs) for part in value]
        if isinstance(value, dict):
            about = theirs or value.get("user_id") in self.search.ids
            return {
                key: self.name
                if about and key in _NAMED and part
                else self._cleaned(part, theirs=about)
                for key, part in value.items()
            }
        return value


_NAMED = frozenset({"email", "user_name"})  # the person of a report's entry
_QUOTED = re.compile(r'"[^"]*"')
