"""Stores passes, sync requests, the positions of passes in the journals, and the rate budget."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

# Characters of effects after which the event loop goes on with SCIM requests: about 5 ms. A row without one counts as
# much as ROW.
SLICE, ROW = 256 * 1024, 500
MAX_NEW_ROWS = 10_000  # journal rows that one pass processes


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A journal row that no pass has processed yet. ``effect``: what the row changed."""

    stream: str
    seq: int
    kind: str
    at: datetime
    request_id: str
    resource_type: str
    resource_id: str
    effect: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LatestPass:
    """The last finished pass, and the time of the last complete one.

    ``full``: the report of the last full pass. An incremental pass covers only its dirty set.
    """

    complete: bool
    in_sync: bool
    report: dict[str, Any]
    full: dict[str, Any]
    finished_at: datetime
    last_complete: datetime | None


async def begin(db: Database, organization: str, scope: str) -> int:
    return int(await db.fetchval(sql("reconcile_passes.begin"), organization, scope))


async def finish(
    db: Database, pass_id: int, *, complete: bool, in_sync: bool, report: Mapping[str, Any]
) -> None:
    await db.execute(
        sql("reconcile_passes.finish"), pass_id, complete, in_sync, orjson.dumps(report).decode()
    )


async def store_progress(db: Database, pass_id: int, report: Mapping[str, Any]) -> None:
    """Store the progress of a pass; its report replaces it."""
    await db.execute(
        sql("reconcile_passes.record_progress"), pass_id, orjson.dumps(report).decode()
    )


async def store_retry(db: Database, organization: str, retry: Mapping[str, Any]) -> None:
    """Store the time of the next try and the pending changes with the last finished pass."""
    await db.execute(
        sql("reconcile_passes.record_retry"), organization, orjson.dumps(retry).decode()
    )


async def load_running(db: Database, organization: str) -> dict[str, Any] | None:
    """Return the progress of the running pass, or None before its first change.

    A killed process leaves its progress behind, so the caller has to check the lease as well.
    """
    row = await db.fetchrow(sql("reconcile_passes.get_running"), organization)
    if row is None or not (found := orjson.loads(row["report"]).get("progress")):
        return None
    return {**found, "scope": row["scope"], "since": row["begun_at"]}


async def prune(db: Database, organization: str) -> None:
    await db.execute(sql("reconcile_passes.prune"), organization)


async def load_latest(db: Database, organization: str) -> LatestPass | None:
    row = await db.fetchrow(sql("reconcile_passes.get_latest"), organization)
    if row is None:
        return None
    report = orjson.loads(row["report"])
    full = report if row["scope"] == "full" else orjson.loads(row["before"] or "{}")
    return LatestPass(
        row["complete"],
        row["in_sync"],
        report,
        full,
        row["finished_at"],
        row["last_complete"],
    )


@dataclass(frozen=True, slots=True)
class UnreadRows:
    """Journal rows that no pass has processed yet, up to the number that one pass processes.

    ``reached``: how far a pass over these rows has read each journal. ``more``: rows after these are left.
    """

    news: list[PendingRow]
    reached: dict[str, int]
    more: bool


async def load_unread(db: Database, organization: str, limit: int = MAX_NEW_ROWS) -> UnreadRows:
    """Read the rows of the next pass. Advancing to ``reached`` skips no unread row."""
    until = await load_heads(db, organization)
    found = await load_new_rows(db, organization, limit)
    if len(found) < limit:
        return UnreadRows(found, until, more=False)
    last = {row.stream: row.seq for row in found}
    cut = found[
        -1
    ].stream  # its rows after the last one, and journals that sort after it, were not read
    reached = {
        stream: seq if stream == cut else max(seq, until.get(stream, 0))
        for stream, seq in last.items()
    }
    return UnreadRows(found, reached, more=True)


async def load_new_rows(
    db: Database, organization: str, limit: int = MAX_NEW_ROWS
) -> list[PendingRow]:
    """Return the oldest unprocessed journal rows, at most ``limit``."""
    found = []
    size = 0
    for row in await db.fetch(sql("journal_offsets.list_unprocessed"), organization, limit):
        size += ROW + len(row["effect"] or "")
        if size > SLICE:
            await asyncio.sleep(0)
            size = 0
        found.append(
            PendingRow(
                row["stream"],
                row["seq"],
                row["kind"],
                row["at"],
                row["request_id"],
                row["resource_type"],
                row["resource_id"],
                orjson.loads(row["effect"]) if row["effect"] else {},
            )
        )
    return found


async def count_pending(
    db: Database, organization: str, limit: int = MAX_NEW_ROWS
) -> tuple[int, datetime | None]:
    """Return how many pushes wait, at most ``limit``, and the time of the oldest, without reading their effects."""
    row = await db.fetchrow(sql("journal_offsets.count_unprocessed"), organization, limit)
    assert row is not None, "a count returns its row"
    return row["rows"], row["since"]


async def list_due(db: Database, organizations: Collection[str]) -> list[str]:
    """Return the organizations with new rows, requests, or due actions."""
    rows = await db.fetch(sql("journal_offsets.list_due_organizations"), list(organizations))
    return [row["organization"] for row in rows]


async def load_heads(db: Database, organization: str) -> dict[str, int]:
    """Return the last seq of each journal of the organization."""
    return {
        row["stream"]: row["seq"]
        for row in await db.fetch(sql("journal_offsets.list_heads"), organization)
    }


async def advance(db: Database, organization: str, seen: Mapping[str, int]) -> None:
    async with db.connection() as connection:
        await connection.executemany(
            sql("journal_offsets.advance"),
            [(organization, stream, seq) for stream, seq in seen.items()],
        )


async def request_sync(db: Database, organization: str) -> int:
    """Request a full pass from the lease holder; return the request's id."""
    return int(await db.fetchval(sql("sync_requests.request"), organization))


async def list_requests(db: Database, organization: str) -> list[int]:
    """Take all open requests for the pass that starts now."""
    return [row["id"] for row in await db.fetch(sql("sync_requests.start"), organization)]


async def has_request(db: Database, organization: str) -> bool:
    return bool(await db.fetchval(sql("sync_requests.exist"), organization))


async def answer_requests(db: Database, requests: Sequence[int], pass_id: int, detail: str) -> None:
    if requests:
        await db.execute(sql("sync_requests.finish"), list(requests), pass_id, detail)


@dataclass(frozen=True, slots=True)
class SyncAnswer:
    """The state of a request: whether a daemon took it, and its pass once that has ended."""

    taken: bool
    complete: bool | None
    in_sync: bool | None
    report: dict[str, Any] | None
    detail: str


async def load_answer(db: Database, request: int) -> SyncAnswer:
    row = await db.fetchrow(sql("sync_requests.get"), request)
    if row is None or row["finished_at"] is None:
        return SyncAnswer(row is not None and row["started_at"] is not None, None, None, None, "")
    report = await db.fetchrow(sql("reconcile_passes.get"), row["pass_id"])
    if report is None:
        return SyncAnswer(True, False, False, {}, row["detail"])
    return SyncAnswer(
        True, report["complete"], report["in_sync"], orjson.loads(report["report"]), row["detail"]
    )


async def store_budget(
    db: Database, organization: str, limit: int, remaining: int, resets_in: float
) -> None:
    await db.execute(sql("rate_budgets.record"), organization, limit, remaining, resets_in)


async def load_budget(db: Database, organization: str) -> dict[str, Any] | None:
    row = await db.fetchrow(sql("rate_budgets.get"), organization)
    return None if row is None else dict(row)
