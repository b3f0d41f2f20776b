"""Pages of a directory's users in the order of creation, as an import reads them.

Counting from the first user costs more for later pages. Therefore the position of a returned row is kept, and the next
page is counted from there; a page near the end is counted from the end. Each way returns the same page.
"""

from bisect import bisect_right, insort
from collections import defaultdict

import asyncpg

from calscim.directory.resources import Page, Reader, allowed
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

MAX_POSITIONS = 4096  # kept per directory


class Places:
    """The ordinals of rows at known offsets. Void once a user is deleted."""

    def __init__(self) -> None:
        self.total = 0
        self.gone = -1
        self._seen: list[tuple[int, int]] = []  # offset, ordinal

    def before(self, offset: int) -> tuple[int, int] | None:
        """Return the nearest known row at or before an offset."""
        at = bisect_right(self._seen, (offset, 2**63))
        return self._seen[at - 1] if at else None

    def learn(self, gone: int, total: int, seen: list[tuple[int, int]]) -> None:
        self.total = total
        if gone != self.gone or len(self._seen) >= MAX_POSITIONS:
            self.gone, self._seen = gone, []
        for one in seen:
            if self.before(one[0]) != one:
                insort(self._seen, one)

    def forget(self) -> None:
        self._seen = []


class OffsetPages:
    """Reads pages, and keeps the positions that each directory's pages showed."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._places: defaultdict[str, Places] = defaultdict(Places)

    async def users_page(self, reader: Reader, offset: int, count: int) -> Page:
        """Return the page from an offset, which starts at 0."""
        places = self._places[reader.directory]
        nearest = places.before(offset)
        row = None
        if nearest is not None and offset - nearest[0] <= max(0, places.total - offset):
            place, ordinal = nearest
            row = await self._read(
                "page_from_row", reader, ordinal, places.gone, offset - place, count
            )
            if not row["known"]:
                places.forget()
                row = None
        if row is None:
            back = offset > places.total // 2 > 0
            row = await self._read(
                "page_from_end" if back else "page_from_start", reader, offset, count
            )
        bodies = tuple(row["bodies"] or ())
        if bodies:
            ends = [(offset, row["first"]), (offset + len(bodies) - 1, row["last"])]
            places.learn(row["deleted_user_count"], row["total"], ends)
        return Page(row["total"], bodies)

    async def _read(self, query: str, reader: Reader, *where: int) -> asyncpg.Record:
        return allowed(
            await self._db.fetchrow(
                sql(f"users.{query}"), reader.token_id, reader.directory, reader.base, *where
            )
        )
