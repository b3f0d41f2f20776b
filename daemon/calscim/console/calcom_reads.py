"""Reads of a whole organization in Cal.com, one at a time, so that several people do not use up its rate limit."""

import asyncio
from collections import defaultdict
from collections.abc import Callable

from calscim.admin import MappingEdits
from calscim.admin.plan_preview import Inspection, inspect
from calscim.config import Organization, Settings
from calscim.postgres.pool import Database


class CalcomReads:
    """Plans for pages. A second request for an organization waits for the first one to end."""

    def __init__(self, db: Database, running: Callable[[], Settings]) -> None:
        self._db = db
        self._running = running
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def inspect(
        self, organization: Organization, edits: MappingEdits | None = None
    ) -> Inspection:
        """Read Cal.com and plan, with edits of mappings that are not saved."""
        async with self._locks[organization.name]:
            return await inspect(self._db, self._running(), organization, edits)
