"""Copies request limits from the database to the SCIM server, and the counts of refused requests back for `status`."""

import structlog

from calscim.clock import Clock
from calscim.directory.rates import EVERY, add_throttled, load_limits
from calscim.errors import StoreUnavailable
from calscim.postgres.pool import Database
from calscim.scim.admission import Admission

log = structlog.get_logger()


async def exchange(db: Database, admission: Admission) -> None:
    """Copy both once. Counts that could not be written are written the next time."""
    admission.rates.set(await load_limits(db))
    counts = admission.take_refused()
    if not counts:
        return
    try:
        await add_throttled(db, counts)
    except BaseException:
        admission.put_refused(counts)
        raise
    log.warning("scim.throttled", directories=counts)


async def run(db: Database, admission: Admission, clock: Clock) -> None:
    """Copy both every few seconds until cancelled. While the database is unreachable, the limits stay."""
    while True:
        try:
            await exchange(db, admission)
        except StoreUnavailable as error:
            log.debug("scim.throttling_unknown", reason=str(error))
        await clock.sleep(EVERY)
