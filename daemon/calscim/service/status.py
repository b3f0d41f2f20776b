"""How things stand, from what the last pass left in the database; asks nothing of Cal.com."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from calscim.clock import SystemClock
from calscim.core.windows import Window, closes, opened, opens
from calscim.store import holds, parked, passes
from calscim.store.pool import Database
from calscim.store.sql import sql


async def status(
    db: Database,
    organizations: list[str],
    windows: Mapping[str, Sequence[Window]] | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """In the form of ``calscim status --json``. ``windows``: maintenance, by organization; judged at ``now``."""
    now = now or SystemClock().now()
    return {
        "organizations": [
            await _organization(db, name) | _maintenance((windows or {}).get(name, ()), now)
            for name in organizations
        ],
        "directories": [
            {
                "id": row["id"],
                "name": row["name"],
                "organization": row["organization"],
                "provider": row["provider"],
                "paused": row["paused"],
                "paused_until": row["paused_until"],
                "journal_seq": row["journal_seq"],
                "last_change": row["last_change"] if row["journal_seq"] else None,
                "users": row["users"],
                "groups": row["groups"],
            }
            for row in await db.fetch(sql("status.directories"))
        ],
    }


async def _organization(db: Database, name: str) -> dict[str, Any]:
    latest = await passes.latest(db, name)
    report, full = ({}, {}) if latest is None else (latest.report, latest.full)
    held = await holds.current(db, name)
    stuck = await parked.parked(db, name)
    waiting = _waiting(full, report)
    lease = await db.fetchrow(sql("lease.show"), name)
    going = await passes.running(db, name) if lease is not None and lease["held"] else None
    return {
        "name": name,
        "in_step": latest is not None
        and latest.in_step
        and not (held or stuck or full.get("unsettled")),
        "last_complete_pass": latest.last_complete if latest else None,
        "last_pass": latest.finished_at if latest else None,
        "away": report.get("away"),
        "incomplete": report.get("incomplete", []),
        "pending": report.get("pending", 0),
        "seconds_left": (going or report).get("seconds_left", 0),
        "progress": going,
        "held": [
            {
                "hash": hold.hash,
                "guard": hold.guard,
                "since": hold.first_seen,
                "approved": hold.approved_at is not None,
                "actions": hold.actions,
            }
            for hold in held
        ],
        "parked": [
            {
                "kind": entry.key.action,
                "email": entry.email,
                "team_id": entry.key.team,
                "reason": entry.reason,
                "attempts": entry.attempts,
                "next_try": entry.next_try,
            }
            for entry in stuck.values()
        ],
        "waiting": waiting,
        "waiting_total": max(full.get("waiting_total", 0), len(waiting)),
        "budget": await passes.budget(db, name),
        "lease": {"holder": lease["holder"], "term": lease["term"]}
        if lease is not None and lease["held"]
        else None,
    }


def _waiting(full: dict[str, Any], latest: dict[str, Any]) -> list[dict[str, Any]]:
    """Whom the last look at everything found waiting, and what a pass since then says of them."""
    entries = [*full.get("waiting", []), *latest.get("waiting", [])]
    return list(
        {(one["email"], one.get("kind"), one.get("team_id")): one for one in entries}.values()
    )


def _maintenance(windows: Sequence[Window], now: datetime) -> dict[str, Any]:
    window = opened(windows, now)
    return {
        "window": None
        if window is None
        else {"window": window.text, "until": closes(windows, now)},
        "next_window": opens(windows, now),
    }
