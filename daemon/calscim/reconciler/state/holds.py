"""Held sets of actions, and the sets that operators approved."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from asyncpg import Record

from calscim.planner.action_key import digest, key_of
from calscim.planner.render import action_json
from calscim.planner.safeguards.holds import HoldSet
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


async def store(db: Database, organization: str, held: HoldSet) -> None:
    """Record a held set. The same set in later passes is one hold."""
    actions = [
        {**action_json(action), "key": str(key_of(action)), "digest": digest([action])}
        for action in held.actions
    ]
    stored = orjson.dumps(actions).decode()
    await db.execute(sql("holds.hold"), organization, held.hash, held.guard, stored)


async def mark_announced(db: Database, organization: str, hashes: Collection[str]) -> None:
    """Note that the daemon alerted the operator to these sets, so that later passes do not."""
    if hashes:
        await db.execute(sql("holds.mark_announced"), organization, list(hashes))


async def close_missing(db: Database, organization: str, hashes: Collection[str]) -> None:
    """End the holds that are not among ``hashes``."""
    await db.execute(sql("holds.close_obsolete"), organization, list(hashes))


async def load_current(db: Database, organization: str) -> list[Hold]:
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
    """Approve a held set without a journal row; return False if no such set is held.

    For simulations. Operators approve with ``admin.approvals``.
    """
    return await db.fetchval(sql("holds.approve"), organization, hash_) is not None


async def approvers(db: Database, organization: str, hash_: str) -> list[str]:
    """Return the operators who approved a set since it was held."""
    rows = await db.fetch(sql("holds.list_approvers"), organization, hash_)
    return [row["person"] for row in rows]


@dataclass(frozen=True, slots=True)
class Rejection:
    """The last decision about a held set, if it was a rejection."""

    person: str
    reason: str
    at: datetime


async def rejections(db: Database, organization: str) -> dict[str, Rejection]:
    """Return the rejections of the sets that are held now, by hash."""
    return {
        row["hash"]: Rejection(row["person"], row["reason"] or "", row["at"])
        for row in await db.fetch(sql("holds.list_rejected"), organization)
    }


async def list_approved(db: Database, organization: str, needed: int = 1) -> frozenset[str]:
    """Return the approved sets that are not released yet. ``needed``: how many operators have to approve."""
    rows = await db.fetch(sql("holds.list_approved"), organization, needed)
    return frozenset(row["hash"] for row in rows)


async def release(db: Database, organization: str, hashes: Collection[str]) -> None:
    """Release approved sets that the current plan contains exactly."""
    await db.execute(sql("holds.release"), organization, list(hashes))


async def load_released(db: Database, organization: str) -> dict[str, frozenset[str]]:
    """Return the digests of the actions of each set that is being executed, by the set's hash.

    An interrupted set continues without another approval.
    """
    return {
        row["hash"]: frozenset(action["digest"] for action in orjson.loads(row["actions"]))
        for row in await db.fetch(sql("holds.list_released"), organization)
    }


async def close(db: Database, organization: str, hashes: Collection[str]) -> None:
    await db.execute(sql("holds.close"), organization, list(hashes))
