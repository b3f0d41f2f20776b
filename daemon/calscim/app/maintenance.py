"""Tasks of the daemon that keep the process and the journal in order."""

from contextlib import suppress

import asyncpg
import structlog

from calscim import systemd
from calscim.clock import Clock
from calscim.errors import StoreUnavailable
from calscim.journal.feed import read
from calscim.journal.partitions import ensure_partitions
from calscim.postgres.outages import STORE_ERRORS, AccessDenied
from calscim.postgres.pool import Database

log = structlog.get_logger()

HOUR, DAY = 3600.0, 86_400.0  # seconds
RETRY = 60.0  # seconds until an unreachable database is tried again


async def create_partitions(db: Database, clock: Clock) -> None:
    """Create the journal's partitions of the next months, once a day, until cancelled.

    Without one, rows go to the default partition, so that a refusal is logged and nothing is lost.
    """
    while True:
        wait = DAY
        try:
            created = await ensure_partitions(db)
        except (AccessDenied, asyncpg.PostgresError) as error:
            log.warning("journal.partitions_refused", reason=str(error))
        except StoreUnavailable:
            wait = RETRY
        else:
            log.debug("journal.partitions", partitions=[one.name for one in created])
        await clock.sleep(wait)


async def delete_old_events(db: Database, clock: Clock, keep: float | None) -> None:
    """Delete events of the change feed that are older than ``keep`` seconds, once an hour, until cancelled."""
    while keep is not None:
        with suppress(*STORE_ERRORS):  # an hour later, then
            await read.delete_old(db, keep)
        await clock.sleep(HOUR)


async def feed_watchdog(clock: Clock) -> None:
    """Tell systemd that the event loop makes progress, until cancelled: a loop that hangs feeds nothing."""
    seconds = systemd.watchdog_interval()
    if seconds is None:
        return
    while True:
        systemd.notify("WATCHDOG=1")
        await clock.sleep(seconds / 2)
