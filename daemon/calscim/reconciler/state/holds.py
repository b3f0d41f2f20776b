"""Removals that a guard holds, and what an operator has let go."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from asyncpg import Record

from calscim.planner.action_key import digest, key_of
from calscim.planner.render import action_json
from calscim.planner.safeguards.limits_check import HoldSet
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class Hold:
    """A held set. ``actions``: in the form of ``plan --json``; ``keys`` and ``digests``: what identifies them."""

    hash: str
    guard: str
    actions: list[dict[str, Any]]
    keys: frozenset[str]
    digests: frozenset[str]
    first_seen: datetime
    approved_at: datetime | None
    announced_at: datetime | None  # when the daemon alerted the operator


async def hold(db: Database, organization: str, held: HoldSet) -> None:
    """Record a held set. The same set in later passes is one hold."""
    actions = [
        {**action_json(action), "key": str(key_of(action)), "digest": digest([action])}
        for action in held.actions
    ]
    stored = orjson.dumps(actions).decode()
    await db.execute(sql("holds.hold"), organization, held.hash, held.guard, stored)


async def announced(db: Database, organization: str, hashes: Collection[str]) -> None:
    """Note that the daemon alerted the operator to these sets, so that later passes do not."""
    if hashes:
        await db.execute(sql("holds.mark_announced"), organization, list(hashes))


async def settle(db: Database, organization: str, hashes: Collection[str]) -> None:
    """Whatever is not among ``hashes`` is held no more."""
    await db.execute(sql("holds.close_obsolete"), organization, list(hashes))


async def current(db: Database, organization: str) -> list[Hold]:
    """Return the sets that are held now."""
    return [_hold(row) for row in await db.fetch(sql("holds.list_current"), organization)]


def _hold(row: Record) -> Hold:
    actions = orjson.loads(row["actions"])
    return Hold(
        row["hash"],
        row["guard"],
        keys=frozenset(action.pop("key") for action in actions),
        digests=frozenset(action.pop("digest") for action in actions),
        actions=actions,
        first_seen=row["first_seen"],
        approved_at=row["approved_at"],
        announced_at=row["announced_at"],
    )


async def approve(db: Database, organization: str, hash_: str) -> bool:
    """Let a held set go without a row in the journal; False when there is no such set now.

    For simulations. Operators approve with ``admin.approvals``.
    """
    return await db.fetchval(sql("holds.approve"), organization, hash_) is not None


async def approvers(db: Database, organization: str, hash_: str) -> list[str]:
    """The people who have approved a set since it has been held."""
    rows = await db.fetch(sql("holds.list_approvers"), organization, hash_)
    return [row["person"] for row in rows]


async def approved(db: Database, organization: str, needed: int = 1) -> frozenset[str]:
    """Sets that are approved and not released yet; with ``needed`` over 1, by so many people in the journal."""
    rows = await db.fetch(sql("holds.list_approved"), organization, needed)
    return frozenset(row["hash"] for row in rows)


async def release(db: Database, organization: str, hashes: Collection[str]) -> None:
    """These approved sets were met exactly and are being carried out."""
    await db.execute(sql("holds.release"), organization, list(hashes))


async def released(db: Database, organization: str) -> dict[str, frozenset[str]]:
    """Return the digests of the actions of each set that is being carried out, by the set's hash.

    A set that was interrupted goes on without another approval.
    """
    return {
        row["hash"]: frozenset(action["digest"] for action in orjson.loads(row["actions"]))
        for row in await db.fetch(sql("holds.list_released"), organization)
    }


async def done(db: Database, organization: str, hashes: Collection[str]) -> None:
    await db.execute(sql("holds.close"), organization, list(hashes))
