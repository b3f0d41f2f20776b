"""Asks the running daemon for a full pass, and waits for its answer."""

from collections.abc import Callable
from typing import Any

from calscim.clock import SystemClock
from calscim.errors import StoreError
from calscim.store import passes
from calscim.store.pool import Database
from calscim.store.sql import sql

TAKEN_WITHIN = 20.0  # seconds: another daemon may have to take the lease first
LOOK = 0.1
TELL_EVERY = 5.0


async def sync(
    db: Database, organization: str, told: Callable[[dict[str, Any]], None] | None = None
) -> passes.Answer:
    """The pass that served the request. StoreError when no daemon takes it.

    ``told`` hears every few seconds how far a long pass has come, in the form of ``passes.running``.
    """
    clock = SystemClock()
    request = await passes.ask(db, organization)
    began = said = clock.monotonic()
    while True:
        answer = await passes.answered(db, request)
        if answer.complete is not None:
            return answer
        if not answer.taken and clock.monotonic() - began > TAKEN_WITHIN:
            lease = await db.fetchrow(sql("lease.show"), organization)
            who = f"{lease['holder']} holds the lease" if lease and lease["held"] else "none runs"
            raise StoreError(
                f"no daemon has taken the request for {organization} ({who}): start `calscim serve`"
            )
        if told is not None and clock.monotonic() - said >= TELL_EVERY:
            said = clock.monotonic()
            if going := await passes.running(db, organization):
                told(going)
        await clock.sleep(LOOK)
