"""The opening balance: users, groups and members at the end of the archived months, where a rebuild starts.

It is written when a month is archived, and changed only by an erasure.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson

from calscim.errors import UsageError
from calscim.journal.replay.apply import Group, Member, Tables, Tombstone, User
from calscim.postgres.pool import Connection
from calscim.postgres.queries import sql


async def load(
    connection: Connection, tables: Tables, stream: str, moment: datetime | None
) -> None:
    """Return the opening balance, empty if nothing was archived. Raise UsageError for a moment in an archived month."""
    opened = await connection.fetchrow(sql("archives.get_beginning"), stream)
    if opened is None:
        return
    if moment is not None and moment < opened["at"]:
        raise UsageError(
            f"the journal up to {opened['at']:%Y-%m-%d %H:%M:%S %Z} was archived, to {opened['files']}: "
            "ask for a later moment, or give the folder of these files with --archive"
        )
    for row in await connection.fetch(sql("archives.list_opening_balance"), stream):
        _put(tables, row["kind"], row["id"], orjson.loads(row["state"]))


async def write(connection: Connection, stream: str, tables: Tables) -> None:
    """Replace the opening balance of a stream, in the caller's transaction."""
    await connection.execute(sql("archives.delete_opening_balance"), stream)
    await connection.copy_records_to_table(
        "opening_balances",
        schema_name="calscim",
        columns=["stream", "position", "kind", "id", "state"],
        records=[(stream, place, *row) for place, row in enumerate(_rows(tables))],
    )


def _rows(tables: Tables) -> Iterator[tuple[str, str, str]]:
    for key, user in tables.users.items():
        yield "User", key, _text(asdict(user) | {"emails": sorted(user.emails)})
    for key, group in tables.groups.items():
        yield "Group", key, _text(asdict(group))
    for (group_id, member), (seq, at) in tables.former.items():
        yield "FormerMember", f"{group_id} {member}", _text({"seq": seq, "at": at})
    for key, gone in tables.tombstones.items():
        yield "Tombstone", key, _text(asdict(gone))


def _text(state: dict[str, Any]) -> str:
    return orjson.dumps(state).decode()


def _put(tables: Tables, kind: str, key: str, state: dict[str, Any]) -> None:
    for name in ("at", "created_at", "updated_at"):
        if name in state:
            state[name] = datetime.fromisoformat(state[name])
    match kind:
        case "User":
            tables.users[key] = User(**{**state, "emails": frozenset(state["emails"])})
        case "Group":
            members = {
                member: Member(**{**entry, "at": datetime.fromisoformat(entry["at"])})
                for member, entry in state["members"].items()
            }
            tables.groups[key] = Group(**{**state, "members": members})
        case "FormerMember":
            group_id, _, member = key.partition(" ")
            tables.former[group_id, member] = (state["seq"], state["at"])
        case _:
            tables.tombstones[key] = Tombstone(**state)
