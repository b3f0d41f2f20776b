"""An event of the change feed, before and after it has its position."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

Data = Mapping[str, object]  # as JSON; docs/reference/events-feed.schema.json describes it by type
_INDEX_BYTES = 4


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a journal row changed. ``user_id``: the user that it is about, whose erasure removes the names."""

    type: str
    data: Data
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event as consumers get it. ``seq``: its position, which only grows. ``data``: JSON text."""

    seq: int
    id: str
    at: datetime
    type: str
    directory: str | None
    organization: str | None
    data: str

    @property
    def timestamp(self) -> str:
        """Return the time in UTC, as in 2026-11-29T07:01:41.123456Z."""
        return self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def as_json(self) -> bytes:
        """Return the event as a JSON object."""
        return orjson.dumps(self._members())

    def as_webhook(self) -> bytes:
        """Return the event as the body of a webhook, which also has ``timestamp``, as Standard Webhooks says."""
        return orjson.dumps({**self._members(), "timestamp": self.timestamp})

    def _members(self) -> dict[str, object]:
        return {
            "id": self.id,
            "seq": self.seq,
            "at": self.timestamp,
            "type": self.type,
            "directory": self.directory,
            "organization": self.organization,
            "data": orjson.Fragment(self.data),
        }


def event_id(row_hash: bytes, index: int) -> str:
    """Return the id of the event with that index among those of a journal row.

    It depends only on the row: a database that was restored from a backup gives the same changes the same ids.
    """
    digest = hashlib.sha256(row_hash + index.to_bytes(_INDEX_BYTES, "big")).hexdigest()
    return f"evt_{digest[:32]}"
