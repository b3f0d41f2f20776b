"""Asks the running daemon for a full pass, and waits for its answer.

Rule: what keeps the answer waiting is said. No daemon is an error after TAKEN_WITHIN; a daemon that holds the lease
is waited for as long as it holds it, with what it does: changes, or waiting for Cal.com's rate limit.
"""

from collections.abc import Callable
from typing import Any

from calscim.clock import SystemClock
from calscim.errors import StoreError
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.reconciler.state import runs, standing

TAKEN_WITHIN = 20.0  # seconds without a lease: another daemon may have to take it first
LOOK = 0.1
TELL_EVERY = 5.0


Told = Callable[[dict[str, Any]], None]


async def sync(db: Database, organization: str, told: Told | None = None) -> runs.SyncAnswer:
    """The pass that served the request. StoreError when no daemon takes it.

    Calls ``told`` every few seconds with what the answer waits for: ``holder`` (the daemon at work; None: no daemon
    holds the lease), ``rate_limited_until``, and the progress of a pass, in the form of
    ``reconcile_passes.get_running``, once it has begun with its changes.
    """
    clock = SystemClock()
    request = await runs.ask(db, organization)
    alive = said = clock.monotonic()
    while True:
        answer = await runs.answered(db, request)
        if answer.complete is not None:
            return answer
        now = clock.monotonic()
        if now - said >= TELL_EVERY:
            said = now
            delay = await _delay(db, organization)
            if delay["holder"] is not None:
                alive = now
            if told is not None:
                told(delay)
        if now - alive > TAKEN_WITHIN:
            raise StoreError(f"no daemon runs for {organization}: start `calscim serve`")
        await clock.sleep(LOOK)


async def _delay(db: Database, organization: str) -> dict[str, Any]:
    lease = await db.fetchrow(sql("leases.get"), organization)
    return {
        **(await runs.running(db, organization) or {}),
        "holder": lease["holder"] if lease is not None and lease["held"] else None,
        "rate_limited_until": await standing.rate_limited_until(db, organization),
    }
