"""Takes a person out of the change feed. Ids, states and outcomes stay, so that a consumer can follow what happened."""

from collections.abc import Mapping, Sequence

import orjson

from calscim.postgres.pool import Connection
from calscim.postgres.queries import sql

# The members of an event's data that say nothing about who a person is.
_STAYS = frozenset(
    {
        "user_id",
        "cal_user_id",
        "active",
        "managed",
        "source",
        "version",
        "changed",
        "group_id",
        "group_name",
        "kind",
        "team_id",
        "role",
        "outcome",
        "journal",
        "actor",
        "resource_type",
        "resource_id",
    }
)


def without_person(data: str) -> str:
    """Return the data of an event about an erased person."""
    value = orjson.loads(data)
    if value.get("erased"):
        return data
    kept = {name: part for name, part in value.items() if name in _STAYS}
    return orjson.dumps(kept | {"erased": True}).decode()


async def redact_rows(connection: Connection, rows: Mapping[str, Sequence[int]]) -> int:
    """Redact the events of journal rows that lose their effect. ``rows``: sequence numbers by stream."""
    named = [(stream, seq) for stream, seqs in rows.items() for seq in seqs]
    streams, seqs = [stream for stream, _ in named], [seq for _, seq in named]
    changed = 0
    for row in await connection.fetch(sql("erasure.list_events_of_rows"), streams, seqs):
        redacted = without_person(row["data"])
        if redacted != row["data"]:
            await connection.execute(sql("erasure.redact_events"), row["seq"], redacted)
            changed += 1
    return changed
