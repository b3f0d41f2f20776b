"""Records when tokens were last used."""

from collections.abc import Mapping
from datetime import datetime

from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


async def record(db: Database, uses: Mapping[int, datetime]) -> None:
    """Record the latest use of each token, in one statement. ``uses``: by token id."""
    await db.execute(sql("tokens.record_uses"), list(uses), list(uses.values()))
