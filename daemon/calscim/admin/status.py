"""Report how each organization and directory is, from what the last passes stored. Does not call Cal.com."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from calscim.admin import plan_views, tokens
from calscim.admin.directory_views import rate_shown
from calscim.admin.expiry import expiring
from calscim.admin.notifications import channel_status
from calscim.admin.parked import list_parked
from calscim.admin.plan_views import WaitView
from calscim.admin.status_view import (
    Budget,
    DatabaseStatus,
    DirectoryStatus,
    HeldSet,
    LeaseHolder,
    OpenWindow,
    OrganizationStatus,
    Progress,
    Retry,
    Status,
    TokenStatus,
)
from calscim.admin.waiting_mappings import waiting_mappings
from calscim.clock import SystemClock
from calscim.config import Settings
from calscim.errors import StoreError
from calscim.exit_codes import ExitCode
from calscim.planner.render import held_json
from calscim.planner.safeguards.windows import Window, find_open_window, next_close, next_open
from calscim.postgres import health
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler import from_settings
from calscim.reconciler.state import holds, organization_status, passes


async def current_status(db: Database, settings: Settings) -> Status:
    """Return the present status of everything that is configured."""
    organizations = {
        one.name: from_settings.windows(settings, one) for one in settings.organizations
    }
    channels = [one.name for one in settings.channels]
    return await status(db, list(organizations), organizations, channels=channels)


async def status(
    db: Database,
    organizations: list[str],
    windows: Mapping[str, Sequence[Window]] | None = None,
    now: datetime | None = None,
    channels: Sequence[str] = (),
) -> Status:
    """Return the status of these organizations and of all directories.

    ``windows``: maintenance windows by organization, judged at ``now``. ``channels``: the names of the channels of
    notifications.
    """
    now = now or SystemClock().now()
    refusal = await _refusal(db)
    daemons = await organization_status.list_daemons(db)
    by_directory = await _tokens(db, now)
    return Status(
        database=DatabaseStatus(refusal is None, refusal),
        daemons=tuple(daemons),
        organizations=tuple(
            [
                await _organization(db, name, daemons, (windows or {}).get(name, ()), now)
                for name in organizations
            ]
        ),
        directories=tuple(
            _directory(row, by_directory[row["id"]])
            for row in await db.fetch(sql("status.list_directories"))
        ),
        notifications=tuple(await channel_status(db, channels)),
    )


def exit_status(found: Status) -> int:
    """Return the exit code of `calscim plan`, judged by the last passes instead of by reading Cal.com.

    1: the database takes no change, Cal.com does not answer, something was not read, or there was no pass yet;
    3: something is held; 2: something is to be done, is parked, or is drift that has to last; 0: in sync.
    """
    codes = [ExitCode.IN_SYNC if found.database.ok else ExitCode.FAILED]
    for organization in found.organizations:
        if (
            organization.unreachable
            or organization.incomplete
            or organization.last_complete_pass is None
        ):
            codes.append(ExitCode.FAILED)
        elif organization.held_counts["sets"]:
            codes.append(ExitCode.HELD)
        else:
            codes.append(ExitCode.IN_SYNC if organization.in_sync else ExitCode.PENDING)
    return worst(codes)


def worst(codes: Sequence[int]) -> int:
    """Return the exit code of several organizations: an error first, then held, then pending."""
    return ExitCode.FAILED if ExitCode.FAILED in codes else max(codes)


async def _refusal(db: Database) -> str | None:
    try:
        async with db.connection() as connection:
            return await health.refusal(connection)
    except StoreError as error:
        return str(error)


def _directory(row: asyncpg.Record, valid: Sequence[TokenStatus]) -> DirectoryStatus:
    ends = [token.expires_at for token in valid]
    known = [end for end in ends if end is not None]
    uses = (token.last_used_at for token in valid if token.last_used_at is not None)
    return DirectoryStatus(
        **{
            **row,
            "last_change": row["last_change"] if row["journal_seq"] else None,
            "requests_per_second": rate_shown(row["requests_per_second"]),
        },
        last_request=max(uses, default=None),
        token_expires_at=max(known, default=None) if len(known) == len(ends) else None,
        tokens=tuple(valid),
    )


async def _tokens(db: Database, now: datetime) -> Mapping[str, list[TokenStatus]]:
    """Return the valid tokens of each directory."""
    known = await tokens(db)
    warnings = {token.token_id: token.detail for token in expiring(known, now)}
    found: defaultdict[str, list[TokenStatus]] = defaultdict(list)
    for token in known:
        if token.state == "valid" and token.directory_id is not None:
            found[token.directory_id].append(
                TokenStatus(
                    id=token.id,
                    name=token.name,
                    scope=token.scope,
                    expires_at=token.expires_at,
                    last_used_at=token.last_used_at,
                    replaced_by=token.replaced_by,
                    warning=warnings.get(token.id),
                )
            )
    return found


async def _organization(
    db: Database, name: str, daemons: Sequence[str], windows: Sequence[Window], now: datetime
) -> OrganizationStatus:
    latest = await passes.load_latest(db, name)
    report, full = ({}, {}) if latest is None else (latest.report, latest.full)
    held = await holds.load_current(db, name)
    parked = await list_parked(db, name)
    waiting = _waiting(full, report)
    lease = await db.fetchrow(sql("leases.get"), name)
    holder = lease["holder"] if lease is not None and lease["held"] else None
    running = await passes.load_running(db, name) if holder is not None else None
    retry = report.get("retry")
    budget = await passes.load_budget(db, name)
    unapproved = [hold for hold in held if hold.approved_at is None]
    rejected = await holds.rejections(db, name) if held else {}
    window = find_open_window(windows, now)
    return OrganizationStatus(
        name=name,
        in_sync=latest is not None
        and latest.in_sync
        and not (held or parked or full.get("deferred")),
        last_complete_pass=latest.last_complete if latest else None,
        last_pass=latest.finished_at if latest else None,
        unreachable=report.get("unreachable"),
        unreachable_since=await organization_status.unreachable_since(db, name),
        rate_limited_until=await organization_status.rate_limited_until(db, name),
        incomplete=tuple(report.get("incomplete", ())),
        pending=max(report.get("pending", 0), (retry or {}).get("changes", 0)),
        retry=None if retry is None else _retry(retry),
        seconds_left=(running or report).get("seconds_left", 0),
        progress=None if running is None else Progress(**running),
        held=tuple([await _held(db, name, hold, rejected.get(hold.hash)) for hold in held]),
        held_counts=held_json(
            [action["kind"] for hold in unapproved for action in hold.actions], len(unapproved)
        ),
        parked=tuple(parked),
        limits=plan_views.limits(report.get("limits", [])),
        waiting=waiting,
        waiting_total=max(full.get("waiting_total", 0), len(waiting)),
        budget=None if budget is None else Budget(**budget),
        waiting_mappings=await waiting_mappings(db, name),
        lease=None
        if lease is None or holder is None
        else LeaseHolder(holder=holder, term=lease["term"]),
        standby=tuple(
            daemon
            for daemon in daemons
            if holder is None or not organization_status.is_holder(daemon, holder)
        ),
        window=None if window is None else OpenWindow(window.text, next_close(windows, now)),
        next_window=next_open(windows, now),
    )


def _retry(stored: Mapping[str, Any]) -> Retry:
    since = stored["since"]
    return Retry(
        next_try=datetime.fromisoformat(stored["next_try"]),
        since=datetime.fromisoformat(since) if since else None,
        changes=stored["changes"],
    )


async def _held(
    db: Database, organization: str, hold: holds.Hold, rejected: holds.Rejection | None
) -> HeldSet:
    return HeldSet(
        hash=hold.hash,
        guard=hold.guard,
        since=hold.first_seen,
        approved=hold.approved_at is not None,
        rejected_by=None if rejected is None else rejected.person,
        rejected_because=None if rejected is None else rejected.reason,
        approved_by=tuple(await holds.approvers(db, organization, hold.hash)),
        actions=plan_views.actions(hold.actions),
    )


def _waiting(full: Mapping[str, Any], latest: Mapping[str, Any]) -> tuple[WaitView, ...]:
    """Return the waits of the last full pass, updated by what a later pass reports of the same ones."""
    waits: Iterable[WaitView] = plan_views.waits(
        [*full.get("waiting", ()), *latest.get("waiting", ())]
    )
    return tuple(
        {(wait.email, wait.user_id, wait.kind, wait.team_id): wait for wait in waits}.values()
    )
