"""How things stand, from what the last pass left in the database; asks nothing of Cal.com."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from calscim.admin import tokens
from calscim.admin.expiry import expiring
from calscim.admin.waiting_mappings import waiting_mappings
from calscim.clock import SystemClock
from calscim.directory.rates import NONE
from calscim.errors import StoreError
from calscim.planner.render import HELD, IN_STEP, PENDING, held_json
from calscim.planner.safeguards.windows import Window, closes, opened, opens
from calscim.postgres import health
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler.state import holds, retries, runs, standing


async def status(
    db: Database,
    organizations: list[str],
    windows: Mapping[str, Sequence[Window]] | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """In the form of ``calscim status --json``. ``windows``: maintenance, by organization; judged at ``now``."""
    now = now or SystemClock().now()
    refusal = await _refusal(db)
    running = await standing.daemons(db)
    by_directory = await _tokens(db, now)
    return {
        "database": {"ok": refusal is None, "reason": refusal},
        "daemons": running,
        "organizations": [
            await _organization(db, name, running)
            | _maintenance((windows or {}).get(name, ()), now)
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
                "requests_per_second": rate_shown(row["requests_per_second"]),
                "throttled": row["throttled"],
                "throttled_at": row["throttled_at"],
                **_token_standing(by_directory.get(row["id"], [])),
            }
            for row in await db.fetch(sql("status.list_directories"))
        ],
    }


async def _tokens(db: Database, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """The valid tokens by directory; ``warning`` is a sentence for one that ends soon."""
    known = await tokens(db)
    warnings = {one.token_id: one.detail for one in expiring(known, now)}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for token in known:
        if token.state == "valid":
            found[token.directory_id].append(
                {
                    "id": token.id,
                    "name": token.name,
                    "scope": token.scope,
                    "expires_at": token.expires_at,
                    "last_used_at": token.last_used_at,
                    "replaced_by": token.replaced_by,
                    "warning": warnings.get(token.id),
                }
            )
    return found


def _token_standing(valid: list[dict[str, Any]]) -> dict[str, Any]:
    """``last_request``: by any valid token. ``token_expires_at``: when the last valid token expires, if all do."""
    uses = [token["last_used_at"] for token in valid if token["last_used_at"] is not None]
    ends = [token["expires_at"] for token in valid]
    return {
        "last_request": max(uses, default=None),
        "token_expires_at": max(ends) if ends and None not in ends else None,
        "tokens": valid,
    }


def rate_shown(stored: int | None) -> int | str | None:
    """Return a directory's own limit as operators write it; None if it has no own limit."""
    return "off" if stored == NONE else stored


async def _refusal(db: Database) -> str | None:
    try:
        async with db.connection() as connection:
            return await health.refusal(connection)
    except StoreError as error:
        return str(error)


def exit_status(value: dict[str, Any]) -> int:
    """The exit code of `calscim plan`, of what ``status`` returned: by the last passes, not by a look at Cal.com.

    1: the database takes no change, Cal.com does not answer, something was not read, or there was no pass yet;
    3: something is held; 2: something is to be done, is parked, or is drift that has to last; 0: in step.
    """
    codes = [IN_STEP if value["database"]["ok"] else 1]
    for one in value["organizations"]:
        if one["away"] or one["incomplete"] or one["last_complete_pass"] is None:
            codes.append(1)
        elif one["held_counts"]["sets"]:
            codes.append(HELD)
        else:
            codes.append(IN_STEP if one["in_sync"] else PENDING)
    return 1 if 1 in codes else max(codes)


async def _organization(db: Database, name: str, running: Sequence[str]) -> dict[str, Any]:
    latest = await runs.latest(db, name)
    report, full = ({}, {}) if latest is None else (latest.report, latest.full)
    held = await holds.current(db, name)
    stuck = await retries.parked(db, name)
    waiting = _waiting(full, report)
    lease = await db.fetchrow(sql("leases.get"), name)
    holder = lease["holder"] if lease is not None and lease["held"] else None
    going = await runs.running(db, name) if holder is not None else None
    waits = [hold for hold in held if hold.approved_at is None]
    return {
        "name": name,
        "in_sync": latest is not None
        and latest.in_sync
        and not (held or stuck or full.get("unsettled")),
        "last_complete_pass": latest.last_complete if latest else None,
        "last_pass": latest.finished_at if latest else None,
        "away": report.get("away"),
        "away_since": await standing.away_since(db, name),
        "rate_limited_until": await standing.rate_limited_until(db, name),
        "incomplete": report.get("incomplete", []),
        "pending": max(report.get("pending", 0), (report.get("retry") or {}).get("changes", 0)),
        "retry": report.get("retry"),
        "seconds_left": (going or report).get("seconds_left", 0),
        "progress": going,
        "held": [
            {
                "hash": hold.hash,
                "guard": hold.guard,
                "since": hold.first_seen,
                "approved": hold.approved_at is not None,
                "approved_by": await holds.approvers(db, name, hold.hash),
                "actions": hold.actions,
            }
            for hold in held
        ],
        "held_counts": held_json(
            [action["kind"] for hold in waits for action in hold.actions], len(waits)
        ),
        "parked": [
            {
                "kind": entry.key.action,
                "email": entry.email,
                "user_id": entry.key.subject,
                "team_id": entry.key.team,
                "reason": entry.reason,
                "attempts": entry.attempts,
                "next_try": entry.next_try,
            }
            for entry in stuck.values()
        ],
        "limits": report.get("limits", []),
        "waiting": waiting,
        "waiting_total": max(full.get("waiting_total", 0), len(waiting)),
        "budget": await runs.budget(db, name),
        "waiting_mappings": await waiting_mappings(db, name),
        "lease": None
        if lease is None or holder is None
        else {"holder": holder, "term": lease["term"]},
        "standby": [
            one for one in running if holder is None or not standing.is_holder(one, holder)
        ],
    }


def _waiting(full: dict[str, Any], latest: dict[str, Any]) -> list[dict[str, Any]]:
    """Whom the last look at everything found waiting, and what a pass since then says of them."""
    entries = [*full.get("waiting", []), *latest.get("waiting", [])]
    return list(
        {
            (one["email"], one.get("user_id"), one.get("kind"), one.get("team_id")): one
            for one in entries
        }.values()
    )


def _maintenance(windows: Sequence[Window], now: datetime) -> dict[str, Any]:
    window = opened(windows, now)
    return {
        "window": None
        if window is None
        else {"window": window.text, "until": closes(windows, now)},
        "next_window": opens(windows, now),
    }
