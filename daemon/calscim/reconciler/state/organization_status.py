"""Computes the status of an organization and its daemons from other tables. Stores nothing."""

from datetime import datetime

from calscim.calcom.rate_budget import RESERVE
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

_SESSION = "calscim "
_LONGEST = 63 - len(_SESSION)  # characters of application_name that Postgres keeps


async def unreachable_since(db: Database, organization: str) -> datetime | None:
    """Return since when Cal.com has not answered, or None if it answered the last pass."""
    found: datetime | None = await db.fetchval(sql("status.get_unreachable_since"), organization)
    return found


async def rate_limited_until(db: Database, organization: str) -> datetime | None:
    """Return until when the rate limit stops the reconciler, or None if it may send."""
    found: datetime | None = await db.fetchval(
        sql("status.get_rate_limited_until"), organization, RESERVE
    )
    return found


def session_name(holder: str) -> str:
    """Return the application_name of a daemon's listening connection, which lives as long as the daemon.

    ``holder``: the daemon, as leases name it. The beginning of a long host name is left out.
    """
    return _SESSION + holder[-_LONGEST:]


async def list_daemons(db: Database) -> list[str]:
    """Return the daemons that run on this database, as far as this role can see them.

    A daemon whose connections go through a pooler is not among them.
    """
    return [row["name"] for row in await db.fetch(sql("status.list_daemons"), _SESSION)]


def is_holder(daemon: str, holder: str) -> bool:
    """Return True if a name of ``daemons`` belongs to the holder of a lease."""
    return daemon == holder[-_LONGEST:]
