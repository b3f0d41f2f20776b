"""Copies limits and names of directories to the SCIM server, and counts of refused requests back for `status`."""

import structlog

from calscim.clock import Clock
from calscim.directory.directory_names import DirectoryNames
from calscim.directory.rates import EVERY, add_throttled, load_limits
from calscim.errors import StoreUnavailable
from calscim.postgres.pool import Database
from calscim.scim.admission import Admission

log = structlog.get_logger()


async def exchange(db: Database, admission: Admission, names: DirectoryNames) -> None:
    """Copy all of it once. Counts that could not be written are written the next time."""
    await names.refresh(db)
    admission.rates.set(await load_limits(db))
    counts = admission.take_refused()
    if not counts:
        return
    try:
        await add_throttled(db, counts)
    except BaseException:
        admission.put_refused(counts)
        raise
    log.warning(
        "scim.throttled",
        directories=counts,
        names={one: names.fields(one).get("directory_name") for one in counts},
    )


async def run(db: Database, admission: Admission, names: DirectoryNames, clock: Clock) -> None:
    """Copy all of it every few seconds until cancelled. While the database is unreachable, limits and names stay."""
    while True:
        try:
            await exchange(db, admission, names)
        except StoreUnavailable as error:
            log.debug("scim.throttling_unknown", reason=str(error))
        await clock.sleep(EVERY)
