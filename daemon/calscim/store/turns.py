"""One change of a directory at a time from this process.

The head row would put them in order anyway, but waiting for a row lock costs the server more than the change:
measured, eight writers at once are a third slower than one after the other (docs/decisions/0005-turns.md).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from calscim.errors import StoreUnavailable

PATIENCE = 1.5  # seconds in the queue, while the change in front does not end


class Turns:
    """A queue for each stream, in order of arrival."""

    def __init__(self) -> None:
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, stream: str) -> AsyncIterator[None]:
        """StoreUnavailable when the queue does not move in time."""
        queue = self._queues.get(stream)
        if queue is None:
            queue = self._queues[stream] = asyncio.Lock()
        try:
            async with asyncio.timeout(PATIENCE):
                await queue.acquire()
        except TimeoutError:
            raise StoreUnavailable(
                "changes of this directory wait for one that does not end; see pg_stat_activity"
            ) from None
        try:
            yield
        finally:
            queue.release()
