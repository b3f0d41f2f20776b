"""What the database knows of how an organization stands, besides its passes: computed, never stored for it."""

from datetime import datetime

from calscim.calcom.rate_budget import RESERVE
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

_SESSION = "calscim "
_LONGEST = 63 - len(_SESSION)  # characters of application_name that Postgres keeps


async def away_since(db: Database, organization: str) -> datetime | None:
    """When Cal.com stopped answering the organization's passes; None: it answered the last one."""
    found: datetime | None = await db.fetchval(sql("status.get_unreachable_since"), organization)
    return found


async def rate_limited_until(db: Database, organization: str) -> datetime | None:
    """Until when the reconciler sends nothing, as Cal.com's rate limit is used up; None: it may send."""
    found: datetime | None = await db.fetchval(
        sql("status.get_rate_limited_until"), organization, RESERVE
    )
    return found


def session_name(holder: str) -> str:
    """The application_name of a daemon's connection that listens, which is there as long as the daemon is.

    ``holder``: the daemon, as leases name it. Of a long host name the beginning is left out.
    """
    return _SESSION + holder[-_LONGEST:]


async def daemons(db: Database) -> list[str]:
    """The daemons that run on this database, as far as Postgres shows them to this role.

    A daemon whose connections go through a pooler is not among them.
    """
    return [row["name"] for row in await db.fetch(sql("status.list_daemons"), _SESSION)]


def is_holder(daemon: str, holder: str) -> bool:
    """Whether a name of ``daemons`` is the one that a lease has."""
    return daemon == holder[-_LONGEST:]
