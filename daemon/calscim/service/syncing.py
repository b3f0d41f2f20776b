"""Asks the running daemon for a full pass, and waits for its answer."""

from calscim.clock import SystemClock
from calscim.errors import StoreError
from calscim.store import passes
from calscim.store.pool import Database
from calscim.store.sql import sql

TAKEN_WITHIN = 20.0  # seconds: another daemon may have to take the lease first
LOOK = 0.1


async def sync(db: Database, organization: str) -> passes.Answer:
    """The pass that served the request. StoreError when no daemon takes it."""
    clock = SystemClock()
    request = await passes.ask(db, organization)
    began = clock.monotonic()
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
        await clock.sleep(LOOK)
